#include "repository/key_ring.hpp"

#include "base/error.hpp"
#include "base/progress.hpp"
#include "epochs.hpp"
#include "records_testing.hpp"
#include "repository/check.hpp"
#include "repository/repository_testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace holdfast::repository {

namespace {

using base::ErrorKind;

constexpr crypto::PassphraseCost cheap{1, crypto::PassphraseCost::memory_bytes_min};

class KeyRing : public testing::Test {
protected:
  SlotInfo add(Role role, const base::Secret& passphrase, const std::string& label = "somebody") {
    return add_slot(*test_.repository, role, PassphraseLock{passphrase, cheap}, label);
  }
  std::unique_ptr<Repository> open(const Credential& credential) {
    return Repository::open(*test_.store, credential, test_.environment());
  }
  /// Writes one chunk and a snapshot that names it as a single file.
  base::ChunkId write(Repository& repository, const base::Bytes& content) {
    WriteSession session(repository, TestRepository::small_packs());
    const auto id = repository.keys().chunk_id(content);
    pipeline::SegmentBuilder segment;
    pipeline::SegmentCodec codec(1);
    if (session.claim(id)) {
      segment.add(id, content);
      session.store(pipeline::PackKind::data, segment, codec);
    }
    session.finish();
    return id;
  }
  Snapshot snapshot() const {
    auto snapshot = golden_snapshot();
    snapshot.hold.clear();
    snapshot.locked_until.reset();
    return snapshot;
  }
  std::uint32_t epoch_of_newest_pack(Repository& repository) const {
    repository.index().refresh();
    std::uint32_t newest = 0;
    for (const auto& pack : repository.index().packs())
      newest = std::max(newest, pack.epoch);
    return newest;
  }

  TestRepository test_;
  const base::Secret other_{base::as_bytes("other")};
  const base::Secret third_{base::as_bytes("third")};
};

TEST_F(KeyRing, EverybodyOpensWithTheirOwn) {
  const auto pair = crypto::make_box_key_pair(test_.random);
  add(Role::writer, other_, "laptop");
  const auto reader =
      add_slot(*test_.repository, Role::reader, RecipientLock{pair.public_key}, "restore machine");
  EXPECT_EQ(test_.reopen()->keys().role, Role::owner);
  EXPECT_EQ(open(other_)->keys().role, Role::writer);
  EXPECT_EQ(open(pair)->keys().role, Role::reader);
  EXPECT_EQ(open(pair)->slot().id, reader.id);
  EXPECT_EQ(kind_of_failure([&] { open(third_); }), ErrorKind::wrong_key);
  const auto slots = list_slots(*test_.repository);
  ASSERT_EQ(slots.size(), 3U);
  EXPECT_TRUE(std::ranges::all_of(slots, &ListedSlot::certified));
  EXPECT_TRUE(std::ranges::is_sorted(slots, {}, [](const auto& slot) { return slot.info.id; }));
}

TEST_F(KeyRing, ChangesAreForTheOwner) {
  for (const auto role : {Role::writer, Role::reader, Role::maintainer, Role::auditor}) {
    const base::Secret secret(base::as_bytes(name_of(role)));
    const auto slot = add(role, secret);
    const auto held = open(secret);
    const auto denied = [&](const std::function<void()>& work) {
      EXPECT_EQ(kind_of_failure(work), ErrorKind::access_denied) << name_of(role);
    };
    denied([&] { add_slot(*held, role, PassphraseLock{third_, cheap}, ""); });
    denied([&] { remove_slot(*held, slot.id); });
    denied([&] { rotate_epoch(*held); });
    denied([&] { split_key(*held, 3, 2, ""); });
  }
}

TEST_F(KeyRing, AWriterWritesAndReadsNothing) {
  const auto old = write(*test_.repository, test_.random_bytes(5000));
  add(Role::writer, other_);
  const auto writer = open(other_);
  const auto own = write(*writer, test_.random_bytes(7000));
  auto taken = snapshot();
  writer->snapshots().commit(taken);
  EXPECT_EQ(kind_of_failure([&] { writer->chunks(); }), ErrorKind::access_denied);
  EXPECT_EQ(kind_of_failure([&] { writer->snapshots().forget({taken.id}, {}, "no"); }),
            ErrorKind::access_denied);
  const auto owner = test_.reopen();
  EXPECT_EQ(owner->chunks().load(own).size(), 7000U);
  EXPECT_EQ(owner->chunks().load(old).size(), 5000U);
  EXPECT_EQ(owner->snapshots().list().size(), 1U);
  EXPECT_TRUE(owner->snapshots().chain_problems().empty());
}

TEST_F(KeyRing, AMaintainerForgetsAndAnAuditorLists) {
  auto taken = snapshot();
  test_.repository->snapshots().commit(taken);
  auto gone = snapshot();
  test_.repository->snapshots().commit(gone);
  add(Role::maintainer, other_);
  add(Role::auditor, third_);
  const auto maintainer = open(other_);
  EXPECT_EQ(kind_of_failure([&] { write(*maintainer, test_.random_bytes(10)); }),
            ErrorKind::access_denied);
  maintainer->snapshots().forget({gone.id}, {}, "rule");
  const auto auditor = open(third_);
  EXPECT_EQ(auditor->snapshots().list().size(), 1U);
  EXPECT_EQ(kind_of_failure([&] { auditor->index(); }), ErrorKind::access_denied);
  auto forged = snapshot();
  EXPECT_EQ(kind_of_failure([&] { auditor->snapshots().commit(forged); }),
            ErrorKind::access_denied);
}

/// Who holds the metadata key can seal a record, and whatever certificate it puts in: it must not
/// count.
TEST_F(KeyRing, RecordsOfThoseWhoMayNotAreRefused) {
  add(Role::maintainer, other_);
  const auto maintainer = open(other_);
  auto keys = maintainer->keys().clone();
  keys.role = Role::owner;  // its own program lets it
  auto forged = snapshot();
  SnapshotStore(*test_.store, test_.repository->id(), keys, test_.random).commit(forged);
  keys.role = Role::writer;
  forged = snapshot();
  SnapshotStore(*test_.store, test_.repository->id(), keys, test_.random).commit(forged);
  std::vector<std::string> damaged;
  const auto listed = test_.reopen()->snapshots().list(
      [&](const std::string&, const std::string& why) { damaged.push_back(why); });
  EXPECT_TRUE(listed.empty());
  ASSERT_EQ(damaged.size(), 2U);
  EXPECT_THAT(damaged.front(), testing::HasSubstr("gave no such right"));
}

TEST_F(KeyRing, RotationIsUsedAtOnceByAll) {
  const auto pair = crypto::make_box_key_pair(test_.random);
  add(Role::writer, other_);
  add(Role::reader, third_);
  add_slot(*test_.repository, Role::reader, RecipientLock{pair.public_key}, "");
  const auto old = write(*test_.repository, test_.random_bytes(3000));
  const auto rotation = rotate_epoch(*test_.repository);
  EXPECT_EQ(rotation.epoch, 2U);
  EXPECT_EQ(rotation.granted, 3U);
  EXPECT_TRUE(rotation.left_out.empty());
  write(*test_.repository, test_.random_bytes(4000));
  EXPECT_EQ(epoch_of_newest_pack(*test_.repository), 2U) << "without opening again";
  EXPECT_EQ(rotate_epoch(*test_.repository).epoch, 3U);
  const auto own = write(*open(other_), test_.random_bytes(5000));
  EXPECT_EQ(epoch_of_newest_pack(*test_.repository), 3U);
  for (const auto& reader : {open(third_), open(pair), test_.reopen()}) {
    EXPECT_EQ(reader->chunks().load(own).size(), 5000U);
    EXPECT_EQ(reader->chunks().load(old).size(), 3000U);
  }
  EXPECT_TRUE(open(other_)->keys().newest_epoch().private_key.empty());
}

TEST_F(KeyRing, WhoIsAddedAfterARotationReadsEverything) {
  const auto old = write(*test_.repository, test_.random_bytes(3000));
  rotate_epoch(*test_.repository);
  const auto later = write(*test_.repository, test_.random_bytes(4000));
  add(Role::reader, other_);
  const auto reader = open(other_);
  EXPECT_EQ(reader->chunks().load(old).size(), 3000U);
  EXPECT_EQ(reader->chunks().load(later).size(), 4000U);
}

TEST_F(KeyRing, WhoWasOpenBeforeARotationReadsWhatCameLater) {
  add(Role::reader, other_);
  const auto reader = open(other_);
  rotate_epoch(*test_.repository);
  const auto later = write(*test_.repository, test_.random_bytes(4000));
  EXPECT_EQ(reader->chunks().load(later).size(), 4000U);
}

TEST_F(KeyRing, WhoRotatesReadsWhatCameBetween) {
  const auto open_since = test_.reopen();
  rotate_epoch(*test_.repository);
  const auto between = write(*test_.repository, test_.random_bytes(4000));
  EXPECT_EQ(rotate_epoch(*open_since).epoch, 3U);
  const auto later = write(*open_since, test_.random_bytes(5000));
  EXPECT_EQ(open_since->chunks().load(between).size(), 4000U);
  EXPECT_EQ(open_since->chunks().load(later).size(), 5000U);
}

TEST_F(KeyRing, WhoRotatesReadsWhatCameLaterWhateverTheStoreLists) {
  const auto name = "keys/" + test_.repository->slot().id;
  const auto object = test_.object(name);
  test_.memory->remove(name);
  EXPECT_EQ(rotate_epoch(*test_.repository).granted, 1U);
  const auto later = write(*test_.repository, test_.random_bytes(4000));
  test_.replace(name, object);
  EXPECT_EQ(test_.reopen()->chunks().load(later).size(), 4000U);
}

TEST_F(KeyRing, WhoIsRemovedReadsNothingThatComesLater) {
  const auto reader = add(Role::reader, other_);
  const auto held = open(other_);
  const auto name = "keys/" + reader.id;
  const auto object = test_.object(name);
  const auto removal = remove_slot(*test_.repository, reader.id);
  ASSERT_TRUE(removal.rotation);
  EXPECT_EQ(kind_of_failure([&] { open(other_); }), ErrorKind::wrong_key);
  // Even when whoever has the store puts the slot back before the next rotation.
  test_.replace(name, object);
  rotate_epoch(*test_.repository);
  const auto later = write(*test_.repository, test_.random_bytes(4000));
  EXPECT_THROW(open(other_)->chunks().load(later), base::Error);
}

TEST_F(KeyRing, TheOwnersLastSlotStays) {
  const auto own = test_.repository->slot().id;
  EXPECT_EQ(kind_of_failure([&] { remove_slot(*test_.repository, own); }), ErrorKind::conflict);
  split_key(*test_.repository, 3, 2, "shares may be lost");
  EXPECT_EQ(kind_of_failure([&] { remove_slot(*test_.repository, own); }), ErrorKind::conflict);
  add(Role::owner, other_);
  remove_slot(*test_.repository, own.substr(0, 8));
  EXPECT_EQ(open(other_)->keys().role, Role::owner);
  EXPECT_EQ(kind_of_failure([&] { remove_slot(*test_.repository, "0000"); }), ErrorKind::not_found);
}

TEST_F(KeyRing, ASlotThatTheOwnerDidNotMakeGetsNothing) {
  auto forged = make_owner_bundle(test_.random);
  certify_owner(forged, test_.repository->id(), test_.random);
  const auto slot = seal_slot(forged, test_.repository->id(), PassphraseLock{other_, cheap},
                              {"let me in", 0}, test_.random);
  test_.replace("keys/00000000deadbeef", slot);
  const auto rotation = rotate_epoch(*test_.repository);
  EXPECT_EQ(rotation.granted, 1U);
  EXPECT_EQ(rotation.left_out, std::vector<std::string>{"00000000deadbeef"});
  EXPECT_FALSE(list_slots(*test_.repository).front().certified);
}

TEST_F(KeyRing, APassphraseIsChangedByWhoHasIt) {
  add(Role::writer, other_, "laptop");
  rotate_epoch(*test_.repository);
  const auto writer = open(other_);
  const auto made = change_passphrase(*writer, {third_, cheap});
  EXPECT_EQ(made.label, "laptop");
  EXPECT_EQ(kind_of_failure([&] { open(other_); }), ErrorKind::wrong_key);
  EXPECT_EQ(open(third_)->keys().certificate, writer->keys().certificate);
  EXPECT_EQ(open(third_)->keys().newest_epoch().number, 2U);
  EXPECT_EQ(list_slots(*test_.repository).size(), 2U);
  const auto pair = crypto::make_box_key_pair(test_.random);
  add_slot(*test_.repository, Role::writer, RecipientLock{pair.public_key}, "");
  EXPECT_EQ(kind_of_failure([&] { change_passphrase(*open(pair), {third_, cheap}); }),
            ErrorKind::invalid_input);
}

TEST_F(KeyRing, SharesMakeANewOwner) {
  auto split = split_key(*test_.repository, 5, 3, "board");
  ASSERT_EQ(split.shares.size(), 5U);
  EXPECT_EQ(split.slot.kind, SlotKind::shares);
  rotate_epoch(*test_.repository);
  const auto content = write(*test_.repository, test_.random_bytes(2000));
  const auto some = [&](const std::vector<std::size_t>& which) {
    std::vector<KeyShare> chosen;
    for (const auto i : which) {
      const auto& share = split.shares[i];
      chosen.push_back(
          {share.slot, share.threshold, {share.share.index, share.share.value.clone()}});
    }
    return chosen;
  };
  EXPECT_EQ(rehearse(*test_.store, some({4, 0, 2})).id, split.slot.id);
  const auto pair = join_key(*test_.store, some({1, 3, 4}));
  EXPECT_EQ(open(pair)->chunks().load(content).size(), 2000U);
  add_slot(*open(pair), Role::owner, PassphraseLock{third_, cheap}, "new");
  EXPECT_EQ(open(third_)->keys().role, Role::owner);

  EXPECT_EQ(kind_of_failure([&] { join_key(*test_.store, some({0, 1})); }),
            ErrorKind::invalid_input);
  auto wrong = some({0, 1, 2});
  wrong[1].share.value.mutable_view()[5] ^= std::byte{1};
  EXPECT_EQ(kind_of_failure([&] { join_key(*test_.store, std::move(wrong)); }),
            ErrorKind::wrong_key);
  auto mixed = some({0, 1, 2});
  mixed[2].slot.fill(std::byte{});
  EXPECT_EQ(kind_of_failure([&] { join_key(*test_.store, std::move(mixed)); }),
            ErrorKind::invalid_input);
}

TEST_F(KeyRing, AnEpochIsReadFromAnyOfItsCopies) {
  rotate_epoch(*test_.repository);
  const auto content = write(*test_.repository, test_.random_bytes(2000));
  const auto names = epoch_names(2);
  test_.flip(names[0], 100);
  test_.memory->remove(names[1]);
  EXPECT_EQ(test_.reopen()->chunks().load(content).size(), 2000U);
}

TEST_F(KeyRing, ChecksFindWhatIsDamagedOrForged) {
  rotate_epoch(*test_.repository);
  base::NoProgress silent;
  EXPECT_TRUE(check(*test_.repository, {}, silent, {}).clean());
  const auto name = epoch_names(2)[1];
  test_.flip(name, 100);
  auto forged = make_owner_bundle(test_.random);
  certify_owner(forged, test_.repository->id(), test_.random);
  test_.replace("keys/00000000deadbeef",
                seal_slot(forged, test_.repository->id(), PassphraseLock{other_, cheap},
                          {"let me in", 0}, test_.random));
  std::vector<std::string> objects;
  for (const auto& problem : check(*test_.repository, {}, silent, {}).problems)
    objects.push_back(problem.object);
  EXPECT_THAT(objects, testing::UnorderedElementsAre(name, "keys/00000000deadbeef"));
}

TEST_F(KeyRing, ALostEpochIsNotWrittenOver) {
  const auto old = write(*test_.repository, test_.random_bytes(2000));
  rotate_epoch(*test_.repository);
  for (const auto& name : epoch_names(2))
    test_.memory->remove(name);
  const auto again = test_.reopen();
  EXPECT_EQ(again->chunks().load(old).size(), 2000U) << "what can be read is read";
  EXPECT_EQ(kind_of_failure([&] { write(*again, test_.random_bytes(10)); }), ErrorKind::corrupt);
  EXPECT_EQ(rotate_epoch(*again).epoch, 3U);
  EXPECT_NO_THROW(write(*test_.reopen(), test_.random_bytes(10)));
}

TEST_F(KeyRing, OnlyOneOfTwoRotationsWins) {
  const auto first = epoch_names(2).front();
  test_.plan = [&](storage::Operation operation, const std::string& name, std::uint64_t) {
    // Somebody else is a moment faster.
    if (operation == storage::Operation::commit && name == first) {
      static_cast<void>(storage::put(*test_.memory, first, base::as_bytes("another's")));
    }
    return std::optional<storage::Fault>();
  };
  EXPECT_EQ(kind_of_failure([&] { rotate_epoch(*test_.repository); }), ErrorKind::conflict);
  EXPECT_EQ(test_.repository->keys().newest_epoch().number, 1U);
}

TEST_F(KeyRing, AnEpochOfSomebodyElseIsRefused) {
  auto stranger = crypto::make_signing_key_pair(test_.random);
  const auto pair = crypto::make_box_key_pair(test_.random);
  const EpochRecord record{test_.repository->id(), 2, pair.public_key, 0, {}, {}};
  for (const auto& name : epoch_names(2))
    test_.replace(name, encode_epoch(record, stranger));
  const auto again = test_.reopen();
  EXPECT_EQ(again->keys().newest_epoch().number, 1U);
  EXPECT_EQ(kind_of_failure([&] { write(*again, test_.random_bytes(10)); }), ErrorKind::corrupt);
}

}  // namespace

}  // namespace holdfast::repository
