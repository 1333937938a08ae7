#include "crypto/aead.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <optional>
#include <string>

namespace holdfast::crypto {
namespace {

using base::as_bytes;
using base::Bytes;
using base::ByteView;
using base::ErrorKind;

Bytes key_of(std::uint64_t seed) {
  base::SeededRandom random(seed);
  Bytes key(aead_key_size);
  random.fill(key);
  return key;
}

Bytes sealed(Aead& aead, std::uint64_t position, ByteView associated, ByteView text) {
  Bytes box(text.size() + aead_tag_size);
  aead.seal(position, associated, text, box);
  return box;
}

Bytes opened(Aead& aead, std::uint64_t position, ByteView associated, ByteView box) {
  Bytes text(box.size() - aead_tag_size);
  aead.open(position, associated, box, text);
  return text;
}

/// The kind of the failure of `work`, nothing when it succeeds.
std::optional<ErrorKind> failure_of(auto&& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error.kind();
  }
  return std::nullopt;
}

// McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 13 and 14: zero key and
// nonce.
TEST(Aead, AgreesWithThePublishedVectors) {
  const Bytes key(aead_key_size);
  Aead aead(key);
  EXPECT_EQ(base::to_hex(sealed(aead, 0, {}, {})), "530f8afbc74536b9a963b4f1c4cb738b");
  EXPECT_EQ(base::to_hex(sealed(aead, 0, {}, Bytes(16))),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

// Computed with libsodium's independent AES-256-GCM: nonce 00000000 0807060504030201.
TEST(Aead, HasTheGoldenNonceLayout) {
  Bytes key(aead_key_size);
  for (std::size_t i = 0; i < key.size(); ++i)
    key[i] = static_cast<std::byte>(i);
  Aead aead(key);
  EXPECT_EQ(base::to_hex(sealed(aead, 0x0102030405060708, as_bytes("bound"), as_bytes("holdfast"))),
            "74979321044ebb3a7c7c35b3f1457321419277f285c5bb32");
}

RC_GTEST_PROP(Aead, OpensWhatItSealed,
              (std::uint64_t position, const std::string& associated, const std::string& text)) {
  Aead aead(key_of(1));
  const auto box = sealed(aead, position, as_bytes(associated), as_bytes(text));
  RC_ASSERT(base::as_text(opened(aead, position, as_bytes(associated), box)) == text);
}

RC_GTEST_PROP(Aead, DecryptsAnyPartOfWhatItSealed, (std::uint64_t position)) {
  Aead aead(key_of(2));
  const auto size = *rc::gen::inRange<std::size_t>(0, 5000);
  base::SeededRandom random(size);
  Bytes text(size);
  random.fill(text);
  const auto box = sealed(aead, position, as_bytes("bound"), text);
  const auto from = *rc::gen::inRange<std::size_t>(0, size + 1);
  const auto length = *rc::gen::inRange<std::size_t>(0, size - from + 1);
  Bytes part(length);
  aead.decrypt_part(position, from, ByteView(box).subspan(from, length), part);
  RC_ASSERT(part == base::copy_of(ByteView(text).subspan(from, length)));
  RC_ASSERT(opened(aead, position, as_bytes("bound"), box) == text);
}

TEST(Aead, RefusesEveryChangedBit) {
  Aead aead(key_of(1));
  auto box = sealed(aead, 7, as_bytes("header"), as_bytes("some text of two blocks"));
  for (std::size_t bit = 0; bit < box.size() * 8; ++bit) {
    box[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_EQ(failure_of([&] { opened(aead, 7, as_bytes("header"), box); }), ErrorKind::corrupt);
    box[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  EXPECT_EQ(base::as_text(opened(aead, 7, as_bytes("header"), box)), "some text of two blocks");
}

TEST(Aead, BindsPositionAssociatedDataAndKey) {
  Aead aead(key_of(1));
  Aead other(key_of(2));
  const auto box = sealed(aead, 7, as_bytes("header"), as_bytes("text"));
  EXPECT_EQ(failure_of([&] { opened(aead, 8, as_bytes("header"), box); }), ErrorKind::corrupt);
  EXPECT_EQ(failure_of([&] { opened(aead, 7, as_bytes("Header"), box); }), ErrorKind::corrupt);
  EXPECT_EQ(failure_of([&] { opened(aead, 7, {}, box); }), ErrorKind::corrupt);
  EXPECT_EQ(failure_of([&] { opened(other, 7, as_bytes("header"), box); }), ErrorKind::corrupt);
}

TEST(Aead, GivesNoTextThatWasNotAuthenticated) {
  Aead aead(key_of(1));
  auto box = sealed(aead, 7, {}, as_bytes("text"));
  box.back() ^= std::byte{1};
  Bytes text(4, std::byte{'x'});
  EXPECT_EQ(failure_of([&] { aead.open(7, {}, box, text); }), ErrorKind::corrupt);
  EXPECT_EQ(text, Bytes(4));
}

TEST(Aead, RefusesBoxesWithoutRoomForATag) {
  Aead aead(key_of(1));
  for (std::size_t size = 0; size < aead_tag_size; ++size) {
    EXPECT_EQ(failure_of([&] { aead.open(7, {}, Bytes(size), {}); }), ErrorKind::corrupt);
  }
}

TEST(AeadDeathTest, TakesBuffersOfTheRightSizeOnly) {
  Aead aead(key_of(1));
  Bytes box(aead_tag_size);
  EXPECT_DEATH(aead.seal(0, {}, Bytes(1), box), "a box is its text and a tag");
  EXPECT_DEATH(Aead(Bytes(31)), "32 bytes");
}

TEST(Hkdf, AgreesWithRfc5869) {
  const auto derive = [](std::string_view secret, std::string_view salt, std::string_view info,
                         std::size_t size) {
    const auto label = base::from_hex(info);
    return base::to_hex(
        hkdf(base::from_hex(secret), base::from_hex(salt), base::as_text(label), size).view());
  };
  std::string zero_b;
  for (int i = 0; i < 22; ++i)
    zero_b += "0b";
  EXPECT_EQ(derive(zero_b, "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9", 42),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  EXPECT_EQ(derive(zero_b, "", "", 42),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
  const auto range = [](int first, int last) {
    Bytes bytes;
    for (int i = first; i <= last; ++i)
      bytes.push_back(static_cast<std::byte>(i));
    return base::to_hex(bytes);
  };
  EXPECT_EQ(
      derive(range(0x00, 0x4f), range(0x60, 0xaf), range(0xb0, 0xff), 82),
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c6"
      "5e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

TEST(ObjectKey, IsTheHkdfOfSaltAndLabel) {
  const auto derived = hkdf(as_bytes("secret"), Bytes(salt_size), "label", 64);
  const auto object = derive_object_key(as_bytes("secret"), Bytes(salt_size), "label");
  EXPECT_EQ(base::copy_of(object.key.view()), base::copy_of(derived.view().first(32)));
  EXPECT_EQ(base::copy_of(object.commitment), base::copy_of(derived.view().last(32)));
}

class Box : public testing::Test {
protected:
  std::optional<ErrorKind> failure_with(std::string_view secret, std::string_view label,
                                        std::string_view associated, const Bytes& box) {
    return failure_of([&] { open_box(as_bytes(secret), label, as_bytes(associated), box); });
  }

  base::SeededRandom random_{1};
  Bytes box_ =
      seal_box(as_bytes("secret"), "label", as_bytes("bound"), as_bytes("the text"), random_);
};

TEST_F(Box, Opens) {
  EXPECT_EQ(box_.size(), 8 + box_overhead);
  EXPECT_EQ(base::as_text(open_box(as_bytes("secret"), "label", as_bytes("bound"), box_)),
            "the text");
  const auto empty = seal_box(as_bytes("secret"), "label", {}, {}, random_);
  EXPECT_TRUE(open_box(as_bytes("secret"), "label", {}, empty).empty());
}

TEST_F(Box, TellsAWrongKeyFromDamage) {
  EXPECT_EQ(failure_with("Secret", "label", "bound", box_), ErrorKind::wrong_key);
  EXPECT_EQ(failure_with("secret", "Label", "bound", box_), ErrorKind::wrong_key);
  EXPECT_EQ(failure_with("secret", "label", "Bound", box_), ErrorKind::corrupt);
  for (std::size_t bit = 0; bit < box_.size() * 8; ++bit) {
    auto changed = box_;
    changed[bit / 8] ^= std::byte{1} << (bit % 8);
    const auto expected =
        bit / 8 < salt_size + commitment_size ? ErrorKind::wrong_key : ErrorKind::corrupt;
    EXPECT_EQ(failure_with("secret", "label", "bound", changed), expected) << bit;
  }
}

TEST_F(Box, RefusesEveryTruncation) {
  for (std::size_t size = 0; size < box_.size(); ++size) {
    const Bytes cut(box_.begin(), box_.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(failure_with("secret", "label", "bound", cut), ErrorKind::corrupt) << size;
  }
}

TEST_F(Box, IsDifferentEachTime) {
  const auto again =
      seal_box(as_bytes("secret"), "label", as_bytes("bound"), as_bytes("the text"), random_);
  EXPECT_NE(again, box_);
}

}  // namespace
}  // namespace holdfast::crypto
