// What a store may do to the history of a repository, and what the next look at it says.
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/temporary_directory.hpp"
#include "records_testing.hpp"
#include "repository/snapshot.hpp"
#include "seen_records.hpp"
#include "storage/memory/memory_backend.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace holdfast::repository {
namespace {

using base::ErrorKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class TamperingTest : public testing::Test {
protected:
  using Objects = std::map<std::string, base::Bytes>;

  TamperingTest() : keys_(make_owner_bundle(random_)) {}

  /// As the next run of a machine would see it; another machine remembers in another place.
  std::unique_ptr<SnapshotStore> open(const base::TemporaryDirectory& machine) {
    return std::make_unique<SnapshotStore>(*backend_, repository_, keys_, random_, machine.path());
  }
  std::unique_ptr<SnapshotStore> open() { return open(machine_); }
  std::string commit(SnapshotStore& store) {
    auto snapshot = golden_snapshot();
    snapshot.started = {++seconds_, 0};
    snapshot.hold.clear();
    snapshot.locked_until.reset();
    return "snapshots/" + store.commit(snapshot).hex();
  }
  static base::SnapshotId id_in(const std::string& name) {
    return base::SnapshotId::from_hex(name.substr(name.find('/') + 1));
  }
  Objects objects() const {
    Objects all;
    backend_->list("", [&](const auto& object) {
      all[object.name] = storage::get(*backend_, object.name, 1 << 24);
    });
    return all;
  }
  void become(const Objects& state) {
    for (const auto& [name, bytes] : objects())
      static_cast<void>(backend_->remove(name));
    for (const auto& [name, bytes] : state)
      ASSERT_EQ(storage::put(*backend_, name, bytes), storage::PutOutcome::stored);
  }
  std::vector<std::string> lost() {
    std::vector<std::string> names;
    for (const auto& record : open()->lost_records())
      names.push_back(record.object);
    return names;
  }
  ErrorKind commit_failure() {
    return kind_of_failure([&] { commit(*open()); });
  }

  base::SeededRandom random_{1};
  base::RepositoryId repository_ = numbered_id<base::RepositoryId>(1);
  KeyBundle keys_;
  std::unique_ptr<storage::Backend> backend_ = storage::open_memory();
  base::TemporaryDirectory machine_;
  std::int64_t seconds_ = 1000;
};

TEST_F(TamperingTest, AnOlderStateIsNamedAndNotWrittenTo) {
  commit(*open());
  const auto old = objects();
  const auto second = commit(*open());
  const auto third = commit(*open());
  EXPECT_THAT(lost(), IsEmpty());
  become(old);
  EXPECT_THAT(lost(), testing::UnorderedElementsAre(second, third));
  EXPECT_THAT(open()->lost_records().front().message, HasSubstr("rolled back to record 1"));
  EXPECT_EQ(open()->list().size(), 1U) << "reading works";
  EXPECT_THAT(lost(), testing::SizeIs(2)) << "and looking does not make it forget";
  EXPECT_EQ(commit_failure(), ErrorKind::tampered);
  EXPECT_EQ(kind_of_failure([&] { open()->forget({open()->list()[0].id}, {1, 0}, "x"); }),
            ErrorKind::tampered);
  EXPECT_EQ(objects(), old) << "nothing was written";
}

TEST_F(TamperingTest, TheFirstSightIsTrusted) {
  commit(*open());
  const auto old = objects();
  commit(*open());
  become(old);
  const base::TemporaryDirectory other;
  EXPECT_THAT(open(other)->lost_records(), IsEmpty());
  EXPECT_NO_THROW(commit(*open(other)));
}

TEST_F(TamperingTest, AStoreThatWentBackAndOnIsNamed) {
  commit(*open());
  const auto old = objects();
  const auto second = commit(*open());
  become(old);
  const base::TemporaryDirectory other;
  commit(*open(other));
  commit(*open(other));
  EXPECT_THAT(lost(), ElementsAre(second));
  EXPECT_THAT(open()->lost_records().front().message, HasSubstr("written to since"));
  EXPECT_EQ(commit_failure(), ErrorKind::tampered);
}

TEST_F(TamperingTest, EachSingleRecordThatIsRemovedIsNamed) {
  for (int i = 0; i < 4; ++i)
    commit(*open());
  open()->forget({open()->list()[1].id}, {1, 0}, "x");
  commit(*open());
  open()->list();
  const auto whole = objects();
  for (const auto& [name, bytes] : whole) {
    static_cast<void>(backend_->remove(name));
    EXPECT_THAT(lost(), testing::Contains(name));
    become(whole);
    EXPECT_THAT(lost(), IsEmpty());
  }
}

TEST_F(TamperingTest, WhatAnotherMachineForgotIsNotLost) {
  commit(*open());
  const auto second = commit(*open());
  const base::TemporaryDirectory other;
  open(other)->forget({id_in(second)}, {1, 0}, "x");
  EXPECT_THAT(lost(), IsEmpty());
  EXPECT_NO_THROW(commit(*open()));
}

TEST_F(TamperingTest, ALossThatWasAcceptedIsRecordedForAll) {
  commit(*open());
  const base::TemporaryDirectory other;
  const auto old = objects();
  commit(*open());
  commit(*open());
  open(other)->list();
  become(old);
  EXPECT_EQ(open()->accept_losses({5, 0}), 2U);
  EXPECT_THAT(lost(), IsEmpty());
  EXPECT_THAT(open(other)->lost_records(), IsEmpty()) << "the record tells the others";
  EXPECT_EQ(open()->accept_losses({5, 0}), 0U);
  const auto deletions = open()->deletions();
  ASSERT_EQ(deletions.size(), 1U);
  EXPECT_EQ(deletions.front().sequence, 4U) << "after the lost ones";
  const auto next = open()->load(id_in(commit(*open())));
  EXPECT_EQ(next.sequence, 5U);
  EXPECT_THAT(open()->chain_problems(), IsEmpty());
  become(old);
  EXPECT_THAT(lost(), testing::SizeIs(2)) << "what was accepted can be lost itself";
}

TEST_F(TamperingTest, GapsThatNobodySawAreAcceptedToo) {
  commit(*open());
  const auto second = commit(*open());
  const auto third = commit(*open());
  commit(*open());
  static_cast<void>(backend_->remove(second));
  static_cast<void>(backend_->remove(third));
  const base::TemporaryDirectory other;
  EXPECT_THAT(open(other)->lost_records(), IsEmpty());
  EXPECT_THAT(open(other)->chain_problems(), ElementsAre(HasSubstr("records 2 to 3")));
  EXPECT_EQ(open(other)->accept_losses({5, 0}), 2U);
  EXPECT_THAT(open(other)->chain_problems(), IsEmpty());
}

TEST_F(TamperingTest, TwoCopiesThatWereJoinedAreAFork) {
  commit(*open());
  const auto common = objects();
  const auto go_on = [&](const base::TemporaryDirectory& machine) {
    for (int i = 0; i < 3; ++i)
      commit(*open(machine));
    return commit(*open(machine));
  };
  const base::TemporaryDirectory one;
  const base::TemporaryDirectory other;
  const auto newest_of_one = go_on(one);
  const auto of_one = objects();
  become(common);
  go_on(other);
  EXPECT_THAT(open(other)->chain_problems(), IsEmpty());
  for (const auto& [name, bytes] : of_one)
    static_cast<void>(storage::put(*backend_, name, bytes));
  EXPECT_THAT(open()->chain_problems(), ElementsAre(HasSubstr("fork")));
  // Runs that overlap, and list what was there a while ago, make shorter ones.
  ASSERT_EQ(backend_->remove(newest_of_one), storage::RemoveOutcome::removed);
  EXPECT_THAT(open(other)->chain_problems(), IsEmpty());
}

TEST_F(TamperingTest, AForgottenSnapshotThatComesBackDoesNotCount) {
  const auto first = commit(*open());
  commit(*open());
  const auto saved = storage::get(*backend_, first, 1 << 24);
  open()->forget({id_in(first)}, {1, 0}, "x");
  ASSERT_EQ(storage::put(*backend_, first, saved), storage::PutOutcome::stored);
  EXPECT_EQ(open()->list().size(), 1U);
}

TEST_F(TamperingTest, ADamagedMemoryIsAFirstSight) {
  const SeenRecords seen(machine_.path());
  EXPECT_THAT(seen.load(), IsEmpty());
  const SeenRecord record{numbered_id<base::Hash>(1), true, keys_.owner_signing_key, 7};
  seen.save({record});
  EXPECT_THAT(seen.load(), ElementsAre(record));
  for (const auto* text :
       {"", "HFSEEN01", "rubbish that is longer than the hash at its very end"}) {
    base::write_durably(machine_.path() + "/seen", base::as_bytes(text), 0600);
    EXPECT_THAT(seen.load(), IsEmpty());
  }
}

}  // namespace
}  // namespace holdfast::repository
