#include "wire.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>

namespace holdfast::repository {

namespace {

constexpr std::uint64_t type_varint = 0;
constexpr std::uint64_t type_bytes = 2;
/// Numbers above are for no field of ours; 63 keeps `repeated` a plain mask.
constexpr std::uint64_t field_max = 63;

}  // namespace

std::uint64_t zigzag(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  return (bits << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0);
}

std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

void WireWriter::varint(std::uint64_t value) {
  std::array<std::byte, 10> buffer;
  std::size_t size = 0;
  while (value >= 0x80) {
    buffer[size++] = static_cast<std::byte>(value | 0x80);
    value >>= 7;
  }
  buffer[size++] = static_cast<std::byte>(value);
  to_.insert(to_.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
}

void WireWriter::number(std::uint32_t field, std::uint64_t value) {
  if (value == 0) return;
  varint(std::uint64_t{field} << 3 | type_varint);
  varint(value);
}

void WireWriter::signed_number(std::uint32_t field, std::int64_t value) {
  number(field, zigzag(value));
}

void WireWriter::bytes(std::uint32_t field, base::ByteView value) {
  if (!value.empty()) item(field, value);
}

void WireWriter::item(std::uint32_t field, base::ByteView value) {
  varint(std::uint64_t{field} << 3 | type_bytes);
  varint(value.size());
  base::append(to_, value);
}

WireReader::WireReader(base::ByteView bytes, const char* what, std::uint64_t repeated)
    : rest_(bytes), what_(what), repeated_(repeated) {}

bool WireReader::next() {
  if (rest_.empty()) return false;
  const auto tag = varint();
  const auto type = tag & 7;
  const auto field = tag >> 3;
  if (field == 0 || (type != type_varint && type != type_bytes)) corrupt("a field has a bad tag");
  if (field > field_max) {
    throw base::Error(base::ErrorKind::unsupported, fmt::format("{} has field {}", what_, field))
        .set_hint("a newer version of holdfast wrote it: update this program");
  }
  const bool again = field == field_ && (repeated_ >> field & 1) != 0;
  if (field <= field_ && !again) corrupt("fields are out of order");
  field_ = static_cast<std::uint32_t>(field);
  is_number_ = type == type_varint;
  number_ = varint();
  if (is_number_) {
    if (number_ == 0) corrupt("a zero is written");
    return true;
  }
  if (number_ == 0 && (repeated_ >> field & 1) == 0) corrupt("an empty field is written");
  if (number_ > rest_.size()) corrupt("a field is longer than what is left");
  bytes_ = rest_.first(static_cast<std::size_t>(number_));
  rest_ = rest_.subspan(bytes_.size());
  return true;
}

std::uint64_t WireReader::varint() {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < rest_.size() && i < 10; ++i) {
    const auto byte = static_cast<std::uint64_t>(rest_[i]);
    if (i == 9 && byte > 1) break;
    value |= (byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    if (byte == 0 && i > 0) corrupt("a number is longer than it needs to be");
    rest_ = rest_.subspan(i + 1);
    return value;
  }
  corrupt("a number does not end");
}

std::uint64_t WireReader::number() const {
  if (!is_number_) corrupt(fmt::format("field {} is not a number", field_));
  return number_;
}

std::uint64_t WireReader::number_up_to(std::uint64_t max) const {
  if (number() > max) corrupt(fmt::format("field {} is {}, at most {}", field_, number_, max));
  return number_;
}

std::uint32_t WireReader::number32() const {
  return static_cast<std::uint32_t>(number_up_to(std::numeric_limits<std::uint32_t>::max()));
}

std::int64_t WireReader::signed_number() const { return unzigzag(number()); }

base::ByteView WireReader::bytes() const {
  if (is_number_) corrupt(fmt::format("field {} is a number", field_));
  return bytes_;
}

void WireReader::expect_size(std::size_t size) const {
  if (bytes().size() != size) {
    corrupt(fmt::format("field {} has {} bytes, not {}", field_, bytes_.size(), size));
  }
}

void WireReader::unknown_field() const {
  throw base::Error(base::ErrorKind::unsupported, fmt::format("{} has field {}", what_, field_))
      .set_hint("a newer version of holdfast wrote it: update this program");
}

void WireReader::corrupt(std::string_view why) const {
  throw base::Error(base::ErrorKind::corrupt, fmt::format("{} is damaged: {}", what_, why));
}

}  // namespace holdfast::repository
