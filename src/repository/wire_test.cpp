#include "wire.hpp"

#include "base/error.hpp"
#include "records_testing.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace holdfast::repository {

namespace {

using base::ErrorKind;

base::Bytes from(std::initializer_list<int> values) {
  base::Bytes bytes;
  for (const int value : values)
    bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

void read_all(base::ByteView bytes, std::uint64_t repeated = 0) {
  WireReader reader(bytes, "the test", repeated);
  while (reader.next()) {}
}

RC_GTEST_PROP(Wire, NumbersComeBack, (std::uint64_t number, std::int64_t negative)) {
  base::Bytes bytes;
  WireWriter writer(bytes);
  writer.number(1, number);
  writer.signed_number(2, negative);
  WireReader reader(bytes, "the test");
  std::uint64_t number_read = 0;
  std::int64_t negative_read = 0;
  while (reader.next()) {
    if (reader.field() == 1) number_read = reader.number();
    if (reader.field() == 2) negative_read = reader.signed_number();
  }
  RC_ASSERT(number_read == number);
  RC_ASSERT(negative_read == negative);
}

TEST(Wire, LeavesOutWhatIsDefault) {
  base::Bytes bytes;
  WireWriter writer(bytes);
  writer.number(1, 0);
  writer.bytes(2, {});
  EXPECT_TRUE(bytes.empty());
  writer.item(3, {});
  EXPECT_EQ(bytes, from({0x1a, 0x00}));
}

TEST(Wire, OnlyTheCanonicalFormIsRead) {
  const auto corrupt = [](std::initializer_list<int> values) {
    return kind_of_failure([&] { read_all(from(values), 1 << 3); }) == ErrorKind::corrupt;
  };
  EXPECT_TRUE(corrupt({0x10, 0x01, 0x08, 0x01})) << "descending";
  EXPECT_TRUE(corrupt({0x08, 0x01, 0x08, 0x01})) << "twice";
  EXPECT_TRUE(corrupt({0x08, 0x00})) << "a written zero";
  EXPECT_TRUE(corrupt({0x12, 0x00})) << "an empty field";
  EXPECT_TRUE(corrupt({0x08, 0x81, 0x00})) << "a padded number";
  EXPECT_TRUE(corrupt({0x08, 0x80})) << "a number cut off";
  EXPECT_TRUE(corrupt({0x12, 0x02, 0x41})) << "a text cut off";
  EXPECT_TRUE(corrupt({0x09, 1, 2, 3, 4, 5, 6, 7, 8})) << "a wire type we do not use";
  EXPECT_TRUE(corrupt({0x00, 0x01})) << "field 0";
  EXPECT_TRUE(corrupt({0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2})) << "65 bits";
  EXPECT_NO_THROW(read_all(from({0x1a, 0x00, 0x1a, 0x00}), 1 << 3)) << "repeated items";
}

TEST(Wire, NumbersAndBytesDoNotMix) {
  const auto number = from({0x08, 0x05});
  WireReader reader(number, "the test");
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(kind_of_failure([&] { reader.bytes(); }), ErrorKind::corrupt);
  EXPECT_EQ(kind_of_failure([&] { reader.number_up_to(4); }), ErrorKind::corrupt);
  EXPECT_EQ(kind_of_failure([&] { reader.unknown_field(); }), ErrorKind::unsupported);
}

TEST(Wire, FieldsOfTheFutureAreUnsupported) {
  EXPECT_EQ(kind_of_failure([] { read_all(from({0x80, 0x04, 0x01})); }), ErrorKind::unsupported);
}

}  // namespace

}  // namespace holdfast::repository
