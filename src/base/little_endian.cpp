#include "base/little_endian.hpp"

#include "base/error.hpp"

#include <string>

namespace holdfast::base {

namespace {

constexpr unsigned varint_bits = 64;

}  // namespace

ByteView ByteReader::take_bytes(std::size_t count) {
  if (count > rest_.size()) {
    throw Error(ErrorKind::corrupt, std::string(what_) + " is cut short: " + std::to_string(count) +
                                        " bytes are wanted, " + std::to_string(rest_.size()) +
                                        " are left");
  }
  const auto taken = rest_.first(count);
  rest_ = rest_.subspan(count);
  return taken;
}

std::uint64_t ByteReader::take_varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < varint_bits; shift += 7) {
    const auto byte = take<std::uint8_t>();
    const auto part = static_cast<std::uint64_t>(byte & 0x7f);
    const bool fits = (part << shift) >> shift == part;
    const bool is_padding = byte == 0 && shift > 0;  // one value has one encoding
    if (!fits || is_padding) break;
    value |= part << shift;
    if ((byte & 0x80) == 0) return value;
  }
  throw Error(ErrorKind::corrupt, std::string(what_) + " has a malformed number");
}

void ByteReader::expect_end() const {
  if (rest_.empty()) return;
  throw Error(ErrorKind::corrupt, std::string(what_) + " has " + std::to_string(rest_.size()) +
                                      " bytes too many at its end");
}

void put_varint(Bytes& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    to.push_back(static_cast<std::byte>(value | 0x80));
  to.push_back(static_cast<std::byte>(value));
}

}  // namespace holdfast::base
