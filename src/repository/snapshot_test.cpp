#include "repository/snapshot.hpp"

#include "base/error.hpp"
#include "records_testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace holdfast::repository {

namespace {

using base::ErrorKind;

RC_GTEST_PROP(SnapshotRecord, ComesBackAsItWas, ()) {
  const auto snapshot = *any_snapshot();
  const auto bytes = encode_snapshot(snapshot);
  const auto decoded = decode_snapshot(bytes);
  RC_ASSERT(encode_snapshot(decoded) == bytes);
  RC_ASSERT(decoded.site == snapshot.site);
  RC_ASSERT(decoded.host == snapshot.host);
  RC_ASSERT(decoded.kind == snapshot.kind);
  RC_ASSERT(decoded.started == snapshot.started);
  RC_ASSERT(decoded.finished == snapshot.finished);
  RC_ASSERT(decoded.parent == snapshot.parent);
  RC_ASSERT(decoded.statistics == snapshot.statistics);
  RC_ASSERT(decoded.tags == snapshot.tags);
  RC_ASSERT(decoded.tool_version == snapshot.tool_version);
  RC_ASSERT(decoded.hold == snapshot.hold);
  RC_ASSERT(decoded.locked_until == snapshot.locked_until);
  RC_ASSERT(decoded.writer == snapshot.writer);
  RC_ASSERT(decoded.sequence == snapshot.sequence);
  RC_ASSERT(decoded.previous == snapshot.previous);
  RC_ASSERT(decoded.problems.size() == snapshot.problems.size());
  RC_ASSERT(decoded.items.size() == snapshot.items.size());
  for (std::size_t i = 0; i < snapshot.items.size(); ++i) {
    RC_ASSERT(decoded.items[i].kind == snapshot.items[i].kind);
    RC_ASSERT(decoded.items[i].path == snapshot.items[i].path);
    RC_ASSERT(decoded.items[i].root == snapshot.items[i].root);
    RC_ASSERT(decoded.items[i].ancestors == snapshot.items[i].ancestors);
    RC_ASSERT(decoded.items[i].stamp.engine == snapshot.items[i].stamp.engine);
    RC_ASSERT(decoded.items[i].stamp.values == snapshot.items[i].stamp.values);
  }
}

RC_GTEST_PROP(DeletionRecord, ComesBackAsItWas, ()) {
  const auto deletion = *any_deletion();
  RC_ASSERT(decode_deletion(encode_deletion(deletion)) == deletion);
}

TEST(SnapshotRecord, RefusesPathsThatWouldLeaveTheTarget) {
  const auto refused = [](const std::string& path, const std::string& name) {
    auto snapshot = golden_snapshot();
    snapshot.items.front().path = path;
    snapshot.items.front().root.entry.name = name;
    snapshot.items.front().ancestors.clear();
    return kind_of_failure([&] { encode_snapshot(snapshot); }) == ErrorKind::invalid_input;
  };
  EXPECT_TRUE(refused("srv/x", "x"));
  EXPECT_TRUE(refused("", ""));
  EXPECT_TRUE(refused("/srv/../etc", "etc"));
  EXPECT_TRUE(refused("/srv//x", "x"));
  EXPECT_TRUE(refused("/srv/x/", ""));
  EXPECT_TRUE(refused("/srv/..", ".."));
  EXPECT_TRUE(refused("/srv/x", "y"));
}

TEST(SnapshotRecord, RefusesAncestorsThatAreOfAnotherPath) {
  auto snapshot = golden_snapshot();
  snapshot.items.front().ancestors.front().name = "etc";
  EXPECT_EQ(kind_of_failure([&] { encode_snapshot(snapshot); }), ErrorKind::invalid_input);
  snapshot = golden_snapshot();
  snapshot.items.front().ancestors.front().kind = sources::EntryKind::symlink;
  snapshot.items.front().ancestors.front().link_target = "/etc";
  EXPECT_EQ(kind_of_failure([&] { encode_snapshot(snapshot); }), ErrorKind::invalid_input);
}

TEST(SnapshotRecord, DamageIsReported) {
  attack(encode_snapshot(golden_snapshot()), [](base::ByteView bytes) { decode_snapshot(bytes); });
  attack(encode_deletion(golden_deletion()), [](base::ByteView bytes) { decode_deletion(bytes); });
}

TEST(SnapshotRecord, TakesTheFirstThousandProblems) {
  auto snapshot = golden_snapshot();
  snapshot.problems.assign(1500, {"/x", ErrorKind::io, "no"});
  EXPECT_EQ(decode_snapshot(encode_snapshot(snapshot)).problems.size(), Snapshot::problems_max);
}

class Resolve : public testing::Test {
protected:
  Resolve() {
    add("abcd", "blog", 1000);
    add("abce", "shop", 2000);
    add("1234", "blog", 3000);
  }
  void add(const std::string& prefix, const std::string& site, std::int64_t seconds) {
    Snapshot snapshot;
    snapshot.id = base::SnapshotId::from_hex(prefix + std::string(60, '0'));
    snapshot.site = site;
    snapshot.started = {seconds, 500};
    snapshots_.push_back(snapshot);
  }
  std::int64_t resolve(std::string_view text) {
    return resolve_snapshot(snapshots_, text).started.seconds;
  }
  ErrorKind failure(std::string_view text) {
    return kind_of_failure([&] { resolve(text); });
  }
  std::vector<Snapshot> snapshots_;
};

TEST_F(Resolve, KnowsEveryFormAPersonUses) {
  EXPECT_EQ(resolve("latest"), 3000);
  EXPECT_EQ(resolve("latest:shop"), 2000);
  EXPECT_EQ(resolve("blog"), 3000);
  EXPECT_EQ(resolve("1234"), 3000);
  EXPECT_EQ(resolve("ABCE"), 2000);
  EXPECT_EQ(resolve("abcd" + std::string(60, '0')), 1000);
  EXPECT_EQ(resolve("@1970-01-01T00:33:20Z"), 2000);
  EXPECT_EQ(resolve("blog@1970-01-01T00:33:20Z"), 1000);
}

TEST_F(Resolve, SaysWhatThereIsWhenNothingFits) {
  EXPECT_EQ(failure("nothere"), ErrorKind::not_found);
  EXPECT_EQ(failure("123"), ErrorKind::not_found) << "a prefix has four digits";
  EXPECT_EQ(failure("latest:nothere"), ErrorKind::not_found);
  EXPECT_EQ(failure("@1970-01-01T00:00:00Z"), ErrorKind::not_found);
  EXPECT_EQ(failure("blog@yesterday-ish"), ErrorKind::invalid_input);
  try {
    resolve("nothere");
  } catch (const base::Error& error) {
    EXPECT_THAT(error.hint(), testing::HasSubstr("blog, shop"));
  }
  snapshots_.clear();
  EXPECT_EQ(failure("latest"), ErrorKind::not_found);
}

TEST_F(Resolve, NamesTheCandidatesOfAnAmbiguousPrefix) {
  add("abcd", "blog", 4000);
  snapshots_.back().id = base::SnapshotId::from_hex("abcd1" + std::string(59, '0'));
  EXPECT_EQ(failure("abcd"), ErrorKind::invalid_input);
  EXPECT_EQ(resolve("abcd1"), 4000);
}

TEST_F(Resolve, ASiteGoesBeforeAPrefix) {
  add("ffff", "abcd", 5000);
  EXPECT_EQ(resolve("abcd"), 5000);
}

}  // namespace

}  // namespace holdfast::repository
