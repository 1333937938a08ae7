// What snapshots reach when directories stand on each other.
#include "reach.hpp"

#include "base/error.hpp"
#include "repository/repository_testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace holdfast::repository {
namespace {

using base::ChunkId;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Shape = PageReferences::Shape;

/// Ids whose key is a number.
ChunkId id_of(std::uint64_t number) {
  base::Bytes bytes(ChunkId::size);
  for (std::size_t i = 0; i < 8; ++i)
    bytes[7 - i] = static_cast<std::byte>(number >> (8 * i));
  return ChunkId::from_bytes(bytes);
}

std::vector<ChunkId> ids_of(const std::vector<std::uint64_t>& numbers) {
  std::vector<ChunkId> ids;
  for (const auto number : numbers)
    ids.push_back(id_of(number));
  return ids;
}

PageReferences leaf(const std::vector<std::uint64_t>& pages,
                    const std::vector<std::uint64_t>& contents,
                    const std::vector<NodeCounts>& nodes) {
  return {
      .shape = Shape::leaf, .pages = ids_of(pages), .contents = ids_of(contents), .nodes = nodes};
}

PageReferences index(const std::vector<std::uint64_t>& pages,
                     const std::vector<std::uint64_t>& below) {
  return {.shape = Shape::index, .pages = ids_of(pages), .below = below};
}

PageReferences overlay(std::uint64_t base, const std::vector<std::uint32_t>& superseded,
                       const std::vector<std::uint64_t>& contents) {
  return {.shape = Shape::overlay,
          .contents = ids_of(contents),
          .base = id_of(base),
          .superseded = superseded};
}

class ReachTest : public ::testing::Test {
protected:
  void describe(std::uint64_t page, const PageReferences& references) {
    ReachRecorder recorder(*repository_.memory, repository_.repository->id(),
                           repository_.repository->keys(), repository_.random);
    recorder.add(id_of(page), references);
    recorder.flush();
  }
  /// Keys that `roots` reach, and nothing missing.
  std::vector<std::uint64_t> reached(const std::vector<std::uint64_t>& roots) {
    ReachGraph graph(*repository_.memory, repository_.repository->id(),
                     repository_.repository->keys());
    graph.load();
    EXPECT_THAT(graph.mark(roots), IsEmpty());
    KeySet keys;
    graph.collect(keys);
    return keys.take();
  }

  TestRepository repository_;
};

TEST_F(ReachTest, AWholeDirectoryNeedsAllOfItself) {
  describe(1, leaf({2}, {10, 11, 12}, {{0, 1}, {1, 0}, {0, 2}}));
  describe(2, leaf({}, {20}, {{0, 1}}));
  EXPECT_THAT(reached({1}), ElementsAre(1, 2, 10, 11, 12, 20));
  EXPECT_THAT(reached({2}), ElementsAre(2, 20));
  EXPECT_THAT(reached({}), IsEmpty());
}

TEST_F(ReachTest, AnOverlayLeavesOutWhatItSupersedes) {
  describe(1, leaf({2}, {10, 11, 12}, {{0, 1}, {1, 0}, {0, 2}}));
  describe(2, leaf({}, {20}, {{0, 1}}));
  describe(3, overlay(1, {1}, {30}));
  describe(4, overlay(1, {2}, {40}));
  describe(5, overlay(1, {1, 2}, {}));
  EXPECT_THAT(reached({3}), ElementsAre(1, 3, 10, 11, 12, 30)) << "not the directory below";
  EXPECT_THAT(reached({4}), ElementsAre(1, 2, 4, 10, 20, 40));
  EXPECT_THAT(reached({3, 5}), ElementsAre(1, 3, 5, 10, 11, 12, 30));
  EXPECT_THAT(reached({5, 3}), ElementsAre(1, 3, 5, 10, 11, 12, 30));
  EXPECT_THAT(reached({3, 4}), ElementsAre(1, 2, 3, 4, 10, 11, 12, 20, 30, 40));
  EXPECT_THAT(reached({5, 1}), ElementsAre(1, 2, 5, 10, 11, 12, 20)) << "wanted whole by another";
  EXPECT_THAT(reached({1, 5}), ElementsAre(1, 2, 5, 10, 11, 12, 20));
}

TEST_F(ReachTest, PlacesAreCountedOverAllPagesOfTheBase) {
  describe(1, index({2, 3, 4}, {2, 1, 2}));
  describe(2, leaf({}, {20, 21}, {{0, 1}, {0, 1}}));
  describe(3, leaf({}, {30}, {{0, 1}}));
  describe(4, leaf({}, {40, 41}, {{0, 1}, {0, 1}}));
  describe(5, overlay(1, {1, 2, 4}, {}));
  describe(6, overlay(1, {2, 3, 4}, {}));
  EXPECT_THAT(reached({5}), ElementsAre(1, 2, 3, 4, 5, 20, 40));
  EXPECT_THAT(reached({6}), ElementsAre(1, 2, 3, 4, 6, 20, 21));
  EXPECT_THAT(reached({5, 6}), ElementsAre(1, 2, 3, 4, 5, 6, 20, 21, 40));
  EXPECT_THAT(reached({5, 3}), ElementsAre(1, 2, 3, 4, 5, 20, 30, 40)) << "a page of its own right";
}

TEST_F(ReachTest, WhatIsNotDescribedIsMissing) {
  describe(3, overlay(1, {0}, {30}));
  ReachGraph graph(*repository_.memory, repository_.repository->id(),
                   repository_.repository->keys());
  graph.load();
  const std::vector<std::uint64_t> roots = {3};
  EXPECT_THAT(graph.mark(roots), ElementsAre(1));
  graph.add(id_of(1), leaf({}, {10, 11}, {{0, 1}, {0, 1}}));
  const std::vector<std::uint64_t> missing = {1};
  EXPECT_THAT(graph.mark(missing), IsEmpty());
  KeySet keys;
  graph.collect(keys);
  EXPECT_THAT(keys.take(), ElementsAre(1, 3, 10, 11, 30)) << "more than needed, never less";
}

TEST(Reach, DamagedTextsAreCorrupt) {
  base::Bytes text;
  append_reach_entry(text, id_of(1), overlay(1, {3, 5}, {7}));
  append_reach_entry(text, id_of(2), leaf({4}, {7}, {{1, 0}, {0, 1}}));
  append_reach_entry(text, id_of(3), index({4}, {70'000}));
  std::size_t whole = 0;
  for (std::size_t size = 0; size <= text.size(); ++size) {
    try {
      parse_reach(base::ByteView(text).first(size), [](const ReachEntry&) {});
      ++whole;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::corrupt);
    }
  }
  EXPECT_EQ(whole, 4U) << "only where an entry ends";
  text[8] = std::byte{4};
  EXPECT_THROW(parse_reach(text, [](const ReachEntry&) {}), base::Error);
}

}  // namespace
}  // namespace holdfast::repository
