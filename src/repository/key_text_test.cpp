#include "repository/key_text.hpp"

#include "base/error.hpp"
#include "records_testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>

namespace holdfast::repository {

namespace {

using base::ErrorKind;

std::string text_of(const base::Secret& secret) {
  return std::string(base::as_text(secret.view()));
}

class KeyTexts : public testing::Test {
protected:
  base::SeededRandom random_{1};
  const crypto::BoxKeyPair pair_ = crypto::make_box_key_pair(random_);
};

TEST_F(KeyTexts, PublicKeysComeBackAndSlipsAreSeen) {
  const auto text = public_key_text(pair_.public_key);
  EXPECT_EQ(parse_public_key(text), pair_.public_key);
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto changed = text;
    changed[i] = changed[i] == '7' ? '8' : '7';
    EXPECT_EQ(kind_of_failure([&] { parse_public_key(changed); }), ErrorKind::invalid_input) << i;
  }
  EXPECT_EQ(kind_of_failure([&] { parse_public_key(text.substr(0, 70)); }),
            ErrorKind::invalid_input);
  EXPECT_EQ(kind_of_failure([&] { parse_public_key(""); }), ErrorKind::invalid_input);
}

TEST_F(KeyTexts, PublicKeyGolden) {
  const auto pair = crypto::box_key_pair_of(numbered_id<base::Hash>(7).view());
  EXPECT_EQ(public_key_text(pair.public_key),
            "hfpub-2fe57da347cd62431528daac5fbb290730fff684afc4cfc2ed90995f58cb3b74f17b8d32");
}

TEST_F(KeyTexts, KeyFilesComeBack) {
  const KeyFile file{crypto::box_key_pair_of(pair_.private_key.view()), {}};
  const auto text = format_key_file(file);
  EXPECT_THAT(text_of(text), testing::HasSubstr(public_key_text(pair_.public_key)));
  const auto read = parse_key_file(text.view());
  EXPECT_EQ(read.pair.public_key, pair_.public_key);
  EXPECT_FALSE(read.owner);
  crypto::PublicKey owner;
  owner.fill(std::byte{0x17});
  const KeyFile pinned{crypto::box_key_pair_of(pair_.private_key.view()), owner};
  EXPECT_EQ(parse_key_file(format_key_file(pinned).view()).owner, owner);
}

TEST_F(KeyTexts, DamagedKeyFilesAreRefusedWithoutShowingThem) {
  const KeyFile file{crypto::box_key_pair_of(pair_.private_key.view()), {}};
  const auto text = text_of(format_key_file(file));
  const auto secret = base::to_hex(pair_.private_key.view());
  auto changed = text;
  changed[text.find("hfkey-") + 10] ^= 1;
  for (const auto& bad : {std::string(), std::string("hello"), changed,
                          text.substr(0, text.size() - 9), std::string("hfkey-\n")}) {
    try {
      parse_key_file(base::as_bytes(bad));
      FAIL() << bad;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr(secret.substr(0, 12))));
    }
  }
}

TEST_F(KeyTexts, SharesComeBackHoweverTheyAreSpaced) {
  KeyShare share;
  share.slot.fill(std::byte{0xab});
  share.threshold = 3;
  share.share = {2, base::Secret(pair_.private_key.view())};
  const auto text = text_of(format_share(share, 5, "0123abcd"));
  EXPECT_THAT(text, testing::HasSubstr("SHARE 2 of 5"));
  const auto read = parse_share(base::as_bytes(text));
  EXPECT_EQ(read.slot, share.slot);
  EXPECT_EQ(read.threshold, 3);
  EXPECT_EQ(read.share.index, 2);
  EXPECT_TRUE(base::equal_in_constant_time(read.share.value.view(), pair_.private_key.view()));
  auto typed = text.substr(text.rfind("share "));
  std::erase(typed, ' ');
  typed.insert(5, 1, ' ');
  for (auto& c : std::span(typed).subspan(6))
    c = static_cast<char>(c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
  EXPECT_EQ(parse_share(base::as_bytes("my share\n" + typed)).share.index, 2);
}

TEST_F(KeyTexts, ASlipInAShareIsSeen) {
  KeyShare share;
  share.threshold = 3;
  share.share = {2, base::Secret(pair_.private_key.view())};
  const auto text = text_of(format_share(share, 5, "0123abcd"));
  const auto begin = text.rfind("share ") + 6;
  for (auto i = begin; i + 1 < text.size(); ++i) {
    auto changed = text;
    changed[i] = changed[i] == '3' ? '4' : '3';
    EXPECT_EQ(kind_of_failure([&] { parse_share(base::as_bytes(changed)); }),
              ErrorKind::invalid_input)
        << i;
  }
  EXPECT_EQ(kind_of_failure([&] { parse_share(base::as_bytes("nothing")); }),
            ErrorKind::invalid_input);
}

}  // namespace

}  // namespace holdfast::repository
