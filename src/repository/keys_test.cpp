#include "base/error.hpp"
#include "envelope.hpp"
#include "records_testing.hpp"
#include "repository/key_slot.hpp"

#include <gtest/gtest.h>

namespace holdfast::repository {

namespace {

using base::ErrorKind;

constexpr crypto::PassphraseCost cheap{1, 8 * 1024};

base::Secret secret(std::string_view text) { return base::Secret(base::as_bytes(text)); }

bool same(const base::Secret& a, const base::Secret& b) {
  return base::equal_in_constant_time(a.view(), b.view());
}

class Slots : public testing::Test {
protected:
  Slots() : bundle_(make_owner_bundle(random_)) { certify_owner(bundle_, repository_, random_); }
  base::Bytes seal() {
    return seal_slot(bundle_, repository_, PassphraseLock{passphrase_, cheap}, {"laptop", 1000},
                     random_);
  }
  KeyBundle open(base::ByteView slot) const { return open_slot(slot, repository_, passphrase_); }

  base::SeededRandom random_{1};
  base::RepositoryId repository_ = numbered_id<base::RepositoryId>(9);
  const base::Secret passphrase_ = secret("correct horse");
  KeyBundle bundle_;
};

TEST_F(Slots, GiveTheBundleBack) {
  auto pair = crypto::make_box_key_pair(random_);
  bundle_.epochs.push_back({2, pair.public_key, std::move(pair.private_key)});
  const auto opened = open(seal());
  EXPECT_EQ(opened.role, Role::owner);
  EXPECT_TRUE(same(opened.chunk_id_key, bundle_.chunk_id_key));
  EXPECT_TRUE(same(opened.chunker_secret, bundle_.chunker_secret));
  EXPECT_TRUE(same(opened.index_key, bundle_.index_key));
  EXPECT_TRUE(same(opened.metadata_key, bundle_.metadata_key));
  EXPECT_TRUE(same(opened.signing_seed, bundle_.signing_seed));
  EXPECT_EQ(opened.owner_signing_key, bundle_.owner_signing_key);
  ASSERT_EQ(opened.epochs.size(), 2U);
  EXPECT_EQ(opened.newest_epoch().number, 2U);
  EXPECT_TRUE(same(opened.epoch(2).private_key, bundle_.epochs[1].private_key));
  EXPECT_EQ(kind_of_failure([&] { opened.epoch(3); }), ErrorKind::wrong_key);
}

TEST_F(Slots, KeepBackWhatARoleDoesNotHold) {
  bundle_ = issue_bundle(bundle_, Role::writer, repository_, random_);
  const auto opened = open(seal());
  EXPECT_EQ(opened.role, Role::writer);
  EXPECT_TRUE(opened.newest_epoch().private_key.empty());
}

TEST_F(Slots, SayWhoTheyAreWithoutThePassphrase) {
  const auto info = describe_slot(seal());
  EXPECT_EQ(info.role(), Role::owner);
  EXPECT_EQ(info.label, "laptop");
  EXPECT_EQ(info.kind, SlotKind::passphrase);
  EXPECT_EQ(info.created_seconds, 1000);
  EXPECT_EQ(info.repository, repository_);
}

TEST_F(Slots, TellAWrongPassphraseFromDamageFromAForeignRepository) {
  auto slot = seal();
  EXPECT_EQ(kind_of_failure([&] { open_slot(slot, repository_, secret("correct horsf")); }),
            ErrorKind::wrong_key);
  EXPECT_EQ(
      kind_of_failure([&] { open_slot(slot, base::RepositoryId{}, secret("correct horse")); }),
      ErrorKind::corrupt);
  slot[slot.size() / 2] ^= std::byte{1};
  EXPECT_EQ(kind_of_failure([&] { open(slot); }), ErrorKind::corrupt);
}

/// The slot with its plain header changed by `change` and a new checksum, as an attacker would.
base::Bytes rewrap(base::ByteView slot, const std::function<void(base::Bytes& body)>& change) {
  auto envelope = unwrap_envelope("HFKEYSLT", slot, "the slot");
  change(envelope.body);
  return wrap_envelope("HFKEYSLT", envelope);
}

TEST_F(Slots, AuthenticateWhatStandsInTheClear) {
  const auto changed = rewrap(seal(), [](base::Bytes& body) {
    const std::string_view label = "laptop";
    const auto text = base::as_text(body);
    body[text.find(label)] = static_cast<std::byte>('L');
  });
  EXPECT_EQ(describe_slot(changed).label, "Laptop");
  EXPECT_EQ(kind_of_failure([&] { open(changed); }), ErrorKind::corrupt);
}

TEST_F(Slots, BoundTheCostBeforePayingIt) {
  // passes = 1 is field 6 (0x30 0x01): 0x7f is more than the bound.
  const auto changed = rewrap(seal(), [](base::Bytes& body) {
    const auto at = base::as_text(body).find("\x30\x01\x38");
    ASSERT_NE(at, std::string_view::npos);
    body[at + 1] = std::byte{0x7f};
  });
  EXPECT_EQ(kind_of_failure([&] { open(changed); }), ErrorKind::corrupt);
}

TEST_F(Slots, SurviveEveryFlippedBit) {
  attack(seal(), [](base::ByteView bytes) { describe_slot(bytes); });
}

TEST_F(Slots, ForARecipientOpenWithItsPrivateKeyOnly) {
  const auto pair = crypto::make_box_key_pair(random_);
  const auto slot = seal_slot(bundle_, repository_, RecipientLock{pair.public_key},
                              {"backup server", 5}, random_);
  const auto opened = open_slot(slot, repository_, pair);
  EXPECT_TRUE(same(opened.metadata_key, bundle_.metadata_key));
  const auto info = describe_slot(slot);
  EXPECT_EQ(info.kind, SlotKind::recipient);
  EXPECT_EQ(info.recipient, pair.public_key);
  const auto other = crypto::make_box_key_pair(random_);
  EXPECT_EQ(kind_of_failure([&] { open_slot(slot, repository_, other); }), ErrorKind::wrong_key);
  EXPECT_EQ(kind_of_failure([&] { open(slot); }), ErrorKind::wrong_key);
  EXPECT_EQ(kind_of_failure([&] { open_slot(seal(), repository_, pair); }), ErrorKind::wrong_key);
  attack(slot, [](base::ByteView bytes) { describe_slot(bytes); });
}

TEST_F(Slots, RefuseAPublicKeyThatNothingCanBeSealedTo) {
  EXPECT_EQ(kind_of_failure([&] {
              seal_slot(bundle_, repository_, RecipientLock{{}}, {"nobody", 0}, random_);
            }),
            ErrorKind::invalid_input);
}

/// What somebody can make who has the repository's public objects and a recipient's public key.
TEST_F(Slots, ForgedForARecipientDoNotOpen) {
  const auto pair = crypto::make_box_key_pair(random_);
  auto forged = make_owner_bundle(random_);
  certify_owner(forged, repository_, random_);
  forged.owner_signing_key = bundle_.owner_signing_key;
  const auto slot =
      seal_slot(forged, repository_, RecipientLock{pair.public_key}, {"forged", 0}, random_);
  EXPECT_EQ(kind_of_failure([&] { open_slot(slot, repository_, pair); }), ErrorKind::corrupt);
  forged.certificate = bundle_.certificate;  // which everybody can read
  const auto copied =
      seal_slot(forged, repository_, RecipientLock{pair.public_key}, {"forged", 0}, random_);
  EXPECT_EQ(kind_of_failure([&] { open_slot(copied, repository_, pair); }), ErrorKind::corrupt);
}

TEST_F(Slots, CertificatesHoldForOneRepositoryAndRole) {
  auto certificate = bundle_.certificate;
  const auto owner = bundle_.owner_signing_key;
  EXPECT_EQ(decode_certificate(encode_certificate(certificate)), certificate);
  EXPECT_TRUE(certified(certificate, repository_, owner));
  EXPECT_FALSE(certified(certificate, numbered_id<base::RepositoryId>(10), owner));
  certificate.role = Role::reader;
  EXPECT_FALSE(certified(certificate, repository_, owner));
  certificate = bundle_.certificate;
  certificate.grant_key[0] ^= std::byte{1};
  EXPECT_FALSE(certified(certificate, repository_, owner));
}

/// What each role holds, as docs/roles.md says it.
TEST_F(Slots, EachRoleHoldsNoMoreThanItNeeds) {
  struct Row {
    Role role;
    bool names_chunks, searches, signs, reads;
  };
  for (const auto& row :
       {Row{Role::owner, true, true, true, true}, Row{Role::writer, true, true, true, false},
        Row{Role::reader, true, true, true, true}, Row{Role::maintainer, false, true, true, false},
        Row{Role::auditor, false, false, false, false}}) {
    bundle_ = make_owner_bundle(random_);
    certify_owner(bundle_, repository_, random_);
    const auto owner_seed = bundle_.signing_seed.clone();
    bundle_ = issue_bundle(bundle_, row.role, repository_, random_);
    const auto held = open(seal());
    EXPECT_EQ(held.role, row.role);
    EXPECT_EQ(!held.chunk_id_key.empty(), row.names_chunks) << name_of(row.role);
    EXPECT_EQ(!held.chunker_secret.empty(), row.names_chunks);
    EXPECT_EQ(!held.index_key.empty(), row.searches);
    EXPECT_EQ(!held.signing_seed.empty(), row.signs);
    EXPECT_EQ(!held.newest_epoch().private_key.empty(), row.reads);
    EXPECT_FALSE(held.metadata_key.empty());
    EXPECT_EQ(same(held.signing_seed, owner_seed), row.role == Role::owner);
    EXPECT_EQ(held.can(Ability::read_content), row.reads);
    if (row.role != Role::owner) {
      EXPECT_EQ(kind_of_failure([&] { issue_bundle(held, Role::owner, repository_, random_); }),
                ErrorKind::access_denied);
    }
  }
}

TEST(KeyBundle, NamesChunksByItsKeyOnly) {
  base::SeededRandom random(2);
  const auto one = make_owner_bundle(random);
  const auto other = make_owner_bundle(random);
  const auto text = base::as_bytes("hello");
  EXPECT_EQ(one.chunk_id(text), one.clone().chunk_id(text));
  EXPECT_NE(one.chunk_id(text), other.chunk_id(text));
}

}  // namespace

}  // namespace holdfast::repository
