#include "repository/keys.hpp"

#include "base/error.hpp"
#include "envelope.hpp"
#include "records_testing.hpp"

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
  Slots() : bundle_(make_owner_bundle(random_)) {}
  base::Bytes seal() {
    return seal_slot(bundle_, repository_, secret("correct horse"), cheap, "laptop", random_);
  }

  base::SeededRandom random_{1};
  base::RepositoryId repository_ = numbered_id<base::RepositoryId>(9);
  KeyBundle bundle_;
};

TEST_F(Slots, GiveTheBundleBack) {
  auto pair = crypto::make_box_key_pair(random_);
  bundle_.epochs.push_back({2, pair.public_key, std::move(pair.private_key)});
  const auto opened = open_slot(seal(), repository_, secret("correct horse"));
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
  bundle_.role = Role::writer;
  bundle_.epochs.front().private_key = {};
  const auto opened = open_slot(seal(), repository_, secret("correct horse"));
  EXPECT_EQ(opened.role, Role::writer);
  EXPECT_TRUE(opened.newest_epoch().private_key.empty());
}

TEST_F(Slots, SayWhoTheyAreWithoutThePassphrase) {
  const auto info = describe_slot(seal());
  EXPECT_EQ(info.role, Role::owner);
  EXPECT_EQ(info.label, "laptop");
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
  EXPECT_EQ(kind_of_failure([&] { open_slot(slot, repository_, secret("correct horse")); }),
            ErrorKind::corrupt);
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
  EXPECT_EQ(kind_of_failure([&] { open_slot(changed, repository_, secret("correct horse")); }),
            ErrorKind::corrupt);
}

TEST_F(Slots, BoundTheCostBeforePayingIt) {
  // passes = 1 is field 6 (0x30 0x01): 0x7f is more than the bound.
  const auto changed = rewrap(seal(), [](base::Bytes& body) {
    const auto at = base::as_text(body).find("\x30\x01\x38");
    ASSERT_NE(at, std::string_view::npos);
    body[at + 1] = std::byte{0x7f};
  });
  EXPECT_EQ(kind_of_failure([&] { open_slot(changed, repository_, secret("correct horse")); }),
            ErrorKind::corrupt);
}

TEST_F(Slots, SurviveEveryFlippedBit) {
  attack(seal(), [](base::ByteView bytes) { describe_slot(bytes); });
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
