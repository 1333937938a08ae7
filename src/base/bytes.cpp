#include "base/bytes.hpp"

#include "base/error.hpp"

namespace holdfast::base {

Buffer::Buffer(std::size_t capacity)
    : bytes_(std::make_unique_for_overwrite<std::byte[]>(capacity)), capacity_(capacity) {}

void Buffer::append(ByteView bytes) {
  HF_ASSERT(bytes.size() <= room(), "a buffer is not filled beyond its capacity");
  if (!bytes.empty()) std::memcpy(bytes_.get() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

void Buffer::set_size(std::size_t size) {
  HF_ASSERT(size <= capacity_, "a buffer is not larger than its capacity");
  size_ = size;
}

void Buffer::reserve_discarding(std::size_t capacity) {
  if (capacity <= capacity_) return;
  *this = Buffer(capacity);
}

std::string to_hex(ByteView bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const auto byte : bytes) {
    const auto value = std::to_integer<unsigned>(byte);
    hex += digits[value >> 4];
    hex += digits[value & 15];
  }
  return hex;
}

namespace {

unsigned value_of_hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return static_cast<unsigned>(digit - '0');
  if (digit >= 'a' && digit <= 'f') return static_cast<unsigned>(digit - 'a' + 10);
  if (digit >= 'A' && digit <= 'F') return static_cast<unsigned>(digit - 'A' + 10);
  throw Error(ErrorKind::invalid_input, "a character is not a hex digit");
}

}  // namespace

Bytes from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) {
    throw Error(ErrorKind::invalid_input, "the number of hex digits is odd");
  }
  Bytes bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const unsigned value = value_of_hex_digit(hex[i]) << 4 | value_of_hex_digit(hex[i + 1]);
    bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

}  // namespace holdfast::base
