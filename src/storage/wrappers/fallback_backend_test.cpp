#include "base/error.hpp"
#include "base/task_group.hpp"
#include "storage/memory/memory_backend.hpp"
#include "storage/wrappers/faulty_backend.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <barrier>
#include <mutex>

namespace holdfast::storage {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FallbackBackendTest : public ::testing::Test {
protected:
  FallbackBackendTest() {
    for (auto* store : {primary_.get(), near_.get(), far_.get()})
      EXPECT_EQ(put(*store, "packs/a", base::as_bytes("content")), PutOutcome::stored);
  }
  /// A place that counts how often it is opened.
  Fallback place(const std::string& name, Backend& store) {
    return {name, [this, &store, name] {
              opened_.push_back(name);
              return with_faults(store, [](auto, const auto&, auto) { return std::nullopt; });
            }};
  }
  std::unique_ptr<Backend> with_places(Backend& first) {
    return with_fallbacks(first, {place("near", *near_), place("far", *far_)},
                          [this](const std::string& text) { told_.push_back(text); });
  }
  std::unique_ptr<Backend> failing(Backend& store, base::ErrorKind kind) {
    return with_faults(store, [this, kind](auto, const auto&, auto) -> std::optional<Fault> {
      ++asked_;
      return Fault{.kind = kind};
    });
  }
  static std::string content(Backend& backend) {
    return std::string(base::as_text(get(backend, "packs/a", 100)));
  }

  std::unique_ptr<Backend> primary_ = open_memory();
  std::unique_ptr<Backend> near_ = open_memory();
  std::unique_ptr<Backend> far_ = open_memory();
  std::vector<std::string> opened_;
  std::vector<std::string> told_;
  int asked_ = 0;
};

TEST_F(FallbackBackendTest, OpensNoOtherPlaceWhileTheFirstWorks) {
  const auto backend = with_places(*primary_);
  EXPECT_EQ(content(*backend), "content");
  EXPECT_THAT(opened_, IsEmpty());
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(FallbackBackendTest, AnObjectThatIsGoneIsReadFromTheNextPlaceAndOthersAreNot) {
  const auto backend = with_places(*primary_);
  EXPECT_EQ(put(*backend, "packs/b", base::as_bytes("only here")), PutOutcome::stored);
  primary_->remove("packs/a");
  base::Bytes into(7);
  EXPECT_EQ(backend->read("packs/a", 0, into), 7U);
  EXPECT_THAT(opened_, ElementsAre("near"));
  EXPECT_EQ(get(*backend, "packs/b", 100), base::copy_of(base::as_bytes("only here")));
  EXPECT_THAT(told_, ElementsAre(HasSubstr("reading it from")));
}

TEST_F(FallbackBackendTest, APlaceThatDoesNotAnswerIsNotAskedAgain) {
  const auto dead = failing(*primary_, base::ErrorKind::unavailable);
  const auto backend = with_places(*dead);
  EXPECT_EQ(content(*backend), "content");
  EXPECT_EQ(content(*backend), "content");
  EXPECT_EQ(asked_, 1);
  EXPECT_THAT(opened_, ElementsAre("near"));
  EXPECT_THAT(told_, SizeIs(1));
  std::vector<std::string> names;
  backend->list("packs/", [&](const ObjectInfo& object) { names.push_back(object.name); });
  EXPECT_THAT(names, ElementsAre("packs/a"));
}

TEST_F(FallbackBackendTest, DamageTurnsToTheNextPlaceUntilThereIsNone) {
  const auto backend = with_places(*primary_);
  EXPECT_TRUE(backend->read_elsewhere("packs/a", 1));
  // Another thread that had read the same damage.
  EXPECT_TRUE(backend->read_elsewhere("packs/a", 1));
  EXPECT_EQ(content(*backend), "content");
  EXPECT_THAT(opened_, ElementsAre("near"));
  EXPECT_TRUE(backend->read_elsewhere("packs/a", 2));
  EXPECT_EQ(content(*backend), "content");
  EXPECT_THAT(opened_, ElementsAre("near", "far"));
  EXPECT_FALSE(backend->read_elsewhere("packs/a", 3));
  EXPECT_THAT(told_, SizeIs(2));
}

TEST_F(FallbackBackendTest, WhenNoPlaceHasItTheErrorIsThatOfTheLast) {
  for (auto* store : {primary_.get(), near_.get(), far_.get()})
    store->remove("packs/a");
  const auto backend = with_places(*primary_);
  base::Bytes into(7);
  try {
    static_cast<void>(backend->read("packs/a", 0, into));
    ADD_FAILURE() << "it was read";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::not_found);
  }
  EXPECT_THAT(opened_, ElementsAre("near", "far"));
}

TEST_F(FallbackBackendTest, WritesGoToTheFirstPlaceAlone) {
  const auto dead = failing(*primary_, base::ErrorKind::unavailable);
  const auto backend = with_places(*dead);
  EXPECT_EQ(content(*backend), "content");
  EXPECT_THROW(static_cast<void>(put(*backend, "packs/c", base::as_bytes("x"))), base::Error);
  EXPECT_THROW(backend->remove("packs/a"), base::Error);
  EXPECT_TRUE(near_->stat("packs/a"));
}

TEST_F(FallbackBackendTest, WhatIsFrozenIsReadFromTheNextPlaceAndSaidOnce) {
  EXPECT_EQ(put(*primary_, "packs/b", base::as_bytes("content")), PutOutcome::stored);
  EXPECT_EQ(put(*near_, "packs/b", base::as_bytes("content")), PutOutcome::stored);
  const auto frozen = with_faults(
      *primary_, [](Operation operation, const std::string&, auto) -> std::optional<Fault> {
        if (operation != Operation::read) return std::nullopt;
        return Fault{.kind = base::ErrorKind::frozen};
      });
  const auto backend = with_places(*frozen);
  EXPECT_EQ(content(*backend), "content");
  EXPECT_EQ(get(*backend, "packs/b", 100).size(), 7U);
  EXPECT_THAT(opened_, ElementsAre("near"));
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_THAT(told_[0], HasSubstr("near"));
}

TEST_F(FallbackBackendTest, ThreadsThatMissDifferentObjectsOpenAPlaceOnce) {
  constexpr int threads = 4;
  const auto name_of = [](int i) { return "packs/" + std::to_string(i); };
  for (int i = 0; i < threads; ++i)
    EXPECT_EQ(put(*near_, name_of(i), base::as_bytes("content")), PutOutcome::stored);
  std::mutex mutex;
  const auto backend = with_fallbacks(*primary_, {place("near", *near_)}, [&](const auto& text) {
    const std::lock_guard lock(mutex);
    told_.push_back(text);
  });
  std::barrier together(threads);
  base::TaskGroup group;
  for (int i = 0; i < threads; ++i) {
    group.spawn([&, name = name_of(i)](const std::stop_token&) {
      together.arrive_and_wait();
      base::Bytes into(7);
      EXPECT_EQ(backend->read(name, 0, into), into.size());
    });
  }
  group.join();
  EXPECT_THAT(opened_, ElementsAre("near"));
  EXPECT_THAT(told_, SizeIs(threads));
  EXPECT_THAT(told_, Each(HasSubstr("reading it from near")));
}

}  // namespace
}  // namespace holdfast::storage
