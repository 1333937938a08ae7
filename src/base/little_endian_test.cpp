#include "base/little_endian.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace holdfast::base {
namespace {

std::string failure_of(std::string_view hex, std::uint64_t (*read)(ByteReader&)) {
  const auto bytes = from_hex(hex);
  ByteReader reader(bytes, "the header");
  try {
    read(reader);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    return error.what();
  }
  return "nothing was thrown";
}

TEST(LittleEndian, HasGoldenBytes) {
  Bytes bytes;
  put_le(bytes, std::uint8_t{0x01});
  put_le(bytes, std::uint16_t{0x0203});
  put_le(bytes, std::uint32_t{0x04050607});
  put_le(bytes, std::uint64_t{0x08090a0b0c0d0e0f});
  EXPECT_EQ(to_hex(bytes), "010302070605040f0e0d0c0b0a0908");
  ByteReader reader(bytes, "it");
  EXPECT_EQ(reader.take<std::uint8_t>(), 0x01);
  EXPECT_EQ(reader.take<std::uint16_t>(), 0x0203);
  EXPECT_EQ(reader.take<std::uint32_t>(), 0x04050607U);
  EXPECT_EQ(reader.left(), 8U);
  EXPECT_EQ(reader.take<std::uint64_t>(), 0x08090a0b0c0d0e0fU);
  reader.expect_end();
}

TEST(Varint, HasGoldenBytes) {
  Bytes bytes;
  for (const auto value : {0ULL, 127ULL, 128ULL, 300ULL, ~0ULL})
    put_varint(bytes, value);
  EXPECT_EQ(to_hex(bytes), "007f8001ac02ffffffffffffffffff01");
}

RC_GTEST_PROP(Varint, ComesBack, (const std::vector<std::uint64_t>& values, std::uint8_t shift)) {
  Bytes bytes;
  for (const auto value : values)
    put_varint(bytes, value >> (shift % 64));
  ByteReader reader(bytes, "the list");
  for (const auto value : values)
    RC_ASSERT(reader.take_varint() == value >> (shift % 64));
  reader.expect_end();
}

RC_GTEST_PROP(Varint, HasOneEncodingEach, (const std::string& text)) {
  const auto bytes = as_bytes(text);
  ByteReader reader(bytes, "the list");
  try {
    const auto value = reader.take_varint();
    Bytes again;
    put_varint(again, value);
    RC_ASSERT(again == copy_of(bytes.first(bytes.size() - reader.left())));
  } catch (const Error& error) {
    RC_ASSERT(error.kind() == ErrorKind::corrupt);
  }
}

TEST(Varint, RefusesWhatIsMalformed) {
  const auto take = [](ByteReader& reader) { return reader.take_varint(); };
  const auto malformed = std::string("the header has a malformed number");
  EXPECT_EQ(failure_of("ffffffffffffffffff02", take), malformed);    // 65 bits
  EXPECT_EQ(failure_of("ffffffffffffffffffff01", take), malformed);  // 11 bytes
  EXPECT_EQ(failure_of("8000", take), malformed);                    // padded
  EXPECT_NE(failure_of("80", take).find("cut short"), std::string::npos);
  EXPECT_NE(failure_of("", take).find("cut short"), std::string::npos);
}

TEST(ByteReader, NamesWhatIsTooShortOrTooLong) {
  EXPECT_EQ(
      failure_of("010203", [](ByteReader& r) -> std::uint64_t { return r.take<std::uint32_t>(); }),
      "the header is cut short: 4 bytes are wanted, 3 are left");
  EXPECT_EQ(failure_of("010203",
                       [](ByteReader& r) {
                         r.take_bytes(1);
                         r.expect_end();
                         return std::uint64_t{0};
                       }),
            "the header has 2 bytes too many at its end");
}

}  // namespace
}  // namespace holdfast::base
