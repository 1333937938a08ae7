#include "crypto/sha256.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::crypto {
namespace {

// FIPS 180-2, appendix B.
TEST(Sha256, OfPublishedVectors) {
  EXPECT_EQ(base::to_hex(sha256({})),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(base::to_hex(sha256(base::as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 hash;
  const std::string piece(1000, 'a');
  for (int i = 0; i < 1000; ++i)
    hash.update(base::as_bytes(piece));
  EXPECT_EQ(base::to_hex(hash.finish()),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// RFC 4231, cases 2 and 6.
TEST(HmacSha256, OfPublishedVectors) {
  EXPECT_EQ(base::to_hex(hmac_sha256(base::as_bytes("Jefe"),
                                     base::as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const base::Bytes long_key(131, std::byte{0xaa});
  EXPECT_EQ(
      base::to_hex(hmac_sha256(
          long_key, base::as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// FIPS 180-4, the examples of one block and of a long message; RFC 2202, cases 2 and 6.
TEST(Sha1, OfPublishedVectors) {
  EXPECT_EQ(base::to_hex(sha1(base::as_bytes("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(base::to_hex(sha1(base::as_bytes(std::string(1'000'000, 'a')))),
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  EXPECT_EQ(base::to_hex(
                hmac_sha1(base::as_bytes("Jefe"), base::as_bytes("what do ya want for nothing?"))),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  const base::Bytes long_key(80, std::byte{0xaa});
  EXPECT_EQ(
      base::to_hex(hmac_sha1(
          long_key, base::as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
      "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

// RFC 1321, appendix A.5.
TEST(Md5, OfPublishedVectors) {
  EXPECT_EQ(base::to_hex(md5({})), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(base::to_hex(md5(base::as_bytes("message digest"))),
            "f96b697d7cb7938d525a2f31aaf161d0");
}

}  // namespace
}  // namespace holdfast::crypto
