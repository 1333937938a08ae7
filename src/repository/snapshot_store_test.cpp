#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/temporary_directory.hpp"
#include "records_testing.hpp"
#include "repository/snapshot.hpp"
#include "storage/memory/memory_backend.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::repository {

namespace {

using base::ErrorKind;

class Store : public testing::Test {
protected:
  Store() : keys_(make_owner_bundle(random_)) {}

  /// As another process would see it: nothing remembered.
  std::unique_ptr<SnapshotStore> open() {
    return std::make_unique<SnapshotStore>(*backend_, repository_, keys_, random_);
  }
  base::SnapshotId commit(SnapshotStore& store, std::int64_t seconds,
                          const std::string& hold = {}) {
    auto snapshot = golden_snapshot();
    snapshot.started = {seconds, 0};
    snapshot.hold = hold;
    snapshot.locked_until.reset();
    return store.commit(snapshot);
  }
  static std::string name(const base::SnapshotId& id) { return "snapshots/" + id.hex(); }
  void overwrite(const std::string& object, base::ByteView bytes) {
    static_cast<void>(backend_->remove(object));
    ASSERT_EQ(storage::put(*backend_, object, bytes), storage::PutOutcome::stored);
  }

  base::SeededRandom random_{1};
  base::RepositoryId repository_ = numbered_id<base::RepositoryId>(1);
  KeyBundle keys_;
  std::unique_ptr<storage::Backend> backend_ = storage::open_memory();
  const base::WallTime now_{10'000, 0};
};

TEST_F(Store, CommittedSnapshotsAreListedOldestFirst) {
  const auto store = open();
  const auto late = commit(*store, 2000);
  const auto early = commit(*store, 1000);
  const auto listed = open()->list();
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].id, early);
  EXPECT_EQ(listed[1].id, late);
  EXPECT_EQ(listed[1].items.front().root, golden_node());
  EXPECT_TRUE(open()->exists(late));
  EXPECT_FALSE(open()->exists(numbered_id<base::SnapshotId>(5)));
  EXPECT_EQ(kind_of_failure([&] { open()->load(numbered_id<base::SnapshotId>(5)); }),
            ErrorKind::not_found);
}

TEST_F(Store, RecordsFormAChain) {
  const auto first = commit(*open(), 1000);
  const auto second = commit(*open(), 2000);
  const auto one = open()->load(first);
  const auto two = open()->load(second);
  EXPECT_EQ(one.sequence, 1U);
  EXPECT_EQ(one.previous, base::Hash{});
  EXPECT_EQ(two.sequence, 2U);
  EXPECT_EQ(two.previous.hex(), first.hex());
  EXPECT_TRUE(open()->chain_problems().empty());
}

TEST_F(Store, AForgottenHeadDoesNotRestartTheChain) {
  commit(*open(), 1000);
  const auto head = commit(*open(), 2000);
  open()->forget({head}, now_, "test");
  EXPECT_FALSE(backend_->stat(name(head)));
  const auto deletions = open()->deletions();
  ASSERT_EQ(deletions.size(), 1U);
  EXPECT_EQ(deletions.front().sequence, 3U);
  EXPECT_EQ(deletions.front().reason, "test");
  const auto next = open()->load(commit(*open(), 3000));
  EXPECT_EQ(next.sequence, 4U);
  EXPECT_EQ(next.previous, deletions.front().id);
  EXPECT_TRUE(open()->chain_problems().empty());
}

TEST_F(Store, ALostRecordIsReported) {
  commit(*open(), 1000);
  const auto lost = commit(*open(), 2000);
  commit(*open(), 3000);
  ASSERT_EQ(backend_->remove(name(lost)), storage::RemoveOutcome::removed);
  EXPECT_THAT(open()->chain_problems(), testing::ElementsAre(testing::HasSubstr("records 2 to 2")));
}

TEST_F(Store, TwoRunsAtOnceAreNoFork) {
  commit(*open(), 1000);
  const auto one = open();
  const auto other = open();
  static_cast<void>(one->list());
  // Both have seen the same head when they commit.
  const auto a = commit(*one, 2000);
  const auto saved = storage::get(*backend_, name(a), 1 << 20);
  ASSERT_EQ(backend_->remove(name(a)), storage::RemoveOutcome::removed);
  commit(*other, 2001);
  overwrite(name(a), saved);
  commit(*open(), 3000);
  EXPECT_EQ(open()->list().size(), 4U);
  EXPECT_TRUE(open()->chain_problems().empty());
}

TEST_F(Store, HeldAndLockedSnapshotsAreNotForgotten) {
  const auto store = open();
  const auto free = commit(*store, 1000);
  const auto held = commit(*store, 2000, "audit 2026");
  EXPECT_EQ(kind_of_failure([&] { store->forget({free, held}, now_, "x"); }), ErrorKind::conflict);
  EXPECT_EQ(store->list().size(), 2U) << "all or nothing";
  auto snapshot = golden_snapshot();
  snapshot.hold.clear();
  snapshot.locked_until = base::WallTime{20'000, 0};
  const auto locked = store->commit(snapshot);
  EXPECT_EQ(kind_of_failure([&] { store->forget({locked}, now_, "x"); }), ErrorKind::conflict);
  store->forget({locked}, {20'001, 0}, "x");
  EXPECT_EQ(store->list().size(), 2U);
}

TEST_F(Store, AnInterruptedForgetIsFinishedByTheNext) {
  const auto one = commit(*open(), 1000);
  const auto other = commit(*open(), 2000);
  const auto saved = storage::get(*backend_, name(one), 1 << 20);
  open()->forget({one}, now_, "x");
  overwrite(name(one), saved);  // as if the run had died before removing it
  EXPECT_EQ(open()->list().size(), 1U);
  open()->forget({other}, now_, "x");
  EXPECT_FALSE(backend_->stat(name(one)));
}

TEST_F(Store, DamagedRecordsAreNamedAndCanBeForgotten) {
  const auto good = commit(*open(), 1000);
  const auto bad = commit(*open(), 2000);
  auto object = storage::get(*backend_, name(bad), 1 << 20);
  object[object.size() / 2] ^= std::byte{1};
  overwrite(name(bad), object);
  overwrite("snapshots/rubbish", object);
  EXPECT_EQ(kind_of_failure([&] { open()->list(); }), ErrorKind::corrupt);
  std::vector<std::string> damaged;
  const auto listed = open()->list([&](const std::string& object_name, const std::string& why) {
    damaged.push_back(object_name);
    EXPECT_FALSE(why.empty());
  });
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed.front().id, good);
  EXPECT_THAT(damaged, testing::UnorderedElementsAre(name(bad), "snapshots/rubbish"));
  commit(*open(), 3000);  // backups go on
  open()->forget({bad}, now_, "damaged");
  EXPECT_TRUE(open()->chain_problems().empty());
}

TEST_F(Store, RecordsAreKeptOnTheMachineAndVerifiedThere) {
  const base::TemporaryDirectory cache;
  const auto cached = [&] {
    return std::make_unique<SnapshotStore>(*backend_, repository_, keys_, random_, cache.path());
  };
  const auto id = commit(*cached(), 1000);
  const auto object = storage::get(*backend_, name(id), 1 << 20);
  EXPECT_EQ(cached()->list().size(), 1U);
  overwrite(name(id), base::as_bytes("unreadable"));
  EXPECT_EQ(cached()->list().size(), 1U) << "from the cache";
  const auto distrustful = cached();
  distrustful->distrust_caches();
  EXPECT_EQ(kind_of_failure([&] { distrustful->list(); }), ErrorKind::corrupt);
  base::write_durably(cache.path() + "/" + name(id), base::as_bytes("torn"), 0600);
  EXPECT_EQ(kind_of_failure([&] { cached()->list(); }), ErrorKind::corrupt);
  overwrite(name(id), object);
  EXPECT_EQ(cached()->list().size(), 1U) << "fetched again";
  ASSERT_EQ(backend_->remove(name(id)), storage::RemoveOutcome::removed);
  EXPECT_TRUE(cached()->list().empty()) << "the store decides what there is";
}

TEST_F(Store, ARecordUnderAnotherNameIsCorrupt) {
  const auto one = commit(*open(), 1000);
  const auto other = commit(*open(), 2000);
  overwrite(name(one), storage::get(*backend_, name(other), 1 << 20));
  EXPECT_EQ(kind_of_failure([&] { open()->load(one); }), ErrorKind::corrupt);
}

TEST_F(Store, ARecordOfAnotherRepositoryIsCorrupt) {
  const auto id = commit(*open(), 1000);
  repository_ = numbered_id<base::RepositoryId>(2);
  EXPECT_EQ(kind_of_failure([&] { open()->load(id); }), ErrorKind::corrupt);
}

TEST_F(Store, ARecordUnderAnotherKeyIsWrongKey) {
  const auto id = commit(*open(), 1000);
  keys_ = make_owner_bundle(random_);
  EXPECT_EQ(kind_of_failure([&] { open()->load(id); }), ErrorKind::wrong_key);
}

TEST_F(Store, EveryFlippedByteIsReported) {
  const auto id = commit(*open(), 1000);
  auto object = storage::get(*backend_, name(id), 1 << 20);
  for (auto& byte : object) {
    byte ^= std::byte{8};
    overwrite(name(id), object);
    EXPECT_EQ(kind_of_failure([&] { open()->load(id); }), ErrorKind::corrupt);
    byte ^= std::byte{8};
  }
}

}  // namespace

}  // namespace holdfast::repository
