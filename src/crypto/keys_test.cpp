#include "crypto/keys.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>

namespace holdfast::crypto {
namespace {

using base::as_bytes;
using base::Bytes;
using base::ErrorKind;

ErrorKind failure_to_open(const BoxKeyPair& pair, base::ByteView box) {
  try {
    open_sealed(pair, box);
  } catch (const base::Error& error) {
    return error.kind();
  }
  return ErrorKind{};
}

class Keys : public testing::Test {
protected:
  void SetUp() override { initialise(); }
  base::SeededRandom random_{1};
};

// RFC 7748, section 6.1.
TEST_F(Keys, BoxKeysAgreeWithRfc7748) {
  const auto pair = box_key_pair_of(
      base::from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
  EXPECT_EQ(base::to_hex(pair.public_key),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
}

// RFC 8032, section 7.1, tests 1 to 3.
TEST_F(Keys, SignaturesAgreeWithRfc8032) {
  struct Vector {
    const char* seed;
    const char* public_key;
    const char* text;
    const char* signature;
  };
  const Vector vectors[] = {
      {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf"
       "9"
       "b46bd25bf5f0595bbe24655141438e7a100b"},
      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f"
       "1"
       "1d8c387b2eaeb4302aeeb00d291612bb0c00"},
      {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
       "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984"
       "d"
       "c6594a7c15e9716ed28dc027beceea1ec40a"},
  };
  for (const auto& vector : vectors) {
    const auto pair = signing_key_pair_of(base::from_hex(vector.seed));
    const auto text = base::from_hex(vector.text);
    EXPECT_EQ(base::to_hex(pair.public_key), vector.public_key);
    EXPECT_EQ(base::to_hex(sign(pair, text)), vector.signature);
    EXPECT_TRUE(verify(pair.public_key, text, sign(pair, text)));
  }
}

TEST_F(Keys, EveryChangeBreaksASignature) {
  const auto pair = make_signing_key_pair(random_);
  const auto other = make_signing_key_pair(random_);
  auto text = base::copy_of(as_bytes("signed text"));
  auto signature = sign(pair, text);
  EXPECT_FALSE(verify(other.public_key, text, signature));
  for (auto& byte : signature) {
    byte ^= std::byte{1};
    EXPECT_FALSE(verify(pair.public_key, text, signature));
    byte ^= std::byte{1};
  }
  for (auto& byte : text) {
    byte ^= std::byte{0x80};
    EXPECT_FALSE(verify(pair.public_key, text, signature));
    byte ^= std::byte{0x80};
  }
  EXPECT_TRUE(verify(pair.public_key, text, signature));
}

RC_GTEST_PROP(SealedBox, OpensForItsRecipient, (std::uint64_t seed, const std::string& text)) {
  initialise();
  base::SeededRandom random(seed);
  const auto pair = make_box_key_pair(random);
  const auto box = seal_to(pair.public_key, as_bytes(text));
  RC_ASSERT(box.size() == text.size() + sealed_box_overhead);
  RC_ASSERT(base::as_text(open_sealed(pair, box).view()) == text);
  const auto again = box_key_pair_of(pair.private_key.view());
  RC_ASSERT(again.public_key == pair.public_key);
}

TEST_F(Keys, ASealedBoxOpensForNobodyElseAndNotAfterAChange) {
  const auto pair = make_box_key_pair(random_);
  auto box = seal_to(pair.public_key, as_bytes("secret"));
  EXPECT_EQ(failure_to_open(make_box_key_pair(random_), box), ErrorKind::wrong_key);
  // The top bit of the ephemeral X25519 key (byte 31) is ignored by its definition: flip the
  // lowest.
  for (auto& byte : box) {
    byte ^= std::byte{1};
    EXPECT_EQ(failure_to_open(pair, box), ErrorKind::wrong_key);
    byte ^= std::byte{1};
  }
  for (std::size_t size = 0; size < sealed_box_overhead; ++size) {
    EXPECT_EQ(failure_to_open(pair, base::ByteView(box).first(size)), ErrorKind::corrupt);
  }
}

TEST_F(Keys, RefuseStoredKeysOfAnotherSize) {
  EXPECT_THROW(box_key_pair_of(Bytes(31)), base::Error);
  EXPECT_THROW(signing_key_pair_of(Bytes(33)), base::Error);
}

TEST_F(Keys, RefuseAPublicKeyOfLowOrder) {
  EXPECT_THROW(seal_to(PublicKey{}, as_bytes("x")), base::Error);
}

TEST_F(Keys, InitialiseTwice) { initialise(); }

}  // namespace
}  // namespace holdfast::crypto
