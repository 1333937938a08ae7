#pragma once

#include "base/bytes.hpp"

#include <bit>
#include <concepts>
#include <cstring>

namespace holdfast::base {

static_assert(std::endian::native == std::endian::little,
              "the fixed-width readers below copy bytes and need a little-endian machine");

/// Appends `value` in little-endian order.
template <std::unsigned_integral T>
void put_le(Bytes& to, T value) {
  const auto at = to.size();
  to.resize(at + sizeof(T));
  std::memcpy(to.data() + at, &value, sizeof(T));
}

template <std::unsigned_integral T>
void store_le(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof(T));
}

template <std::unsigned_integral T>
T load_le(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

/// Reads fields one after the other out of bytes that are not trusted.
///
/// Errors: every read past the end throws corrupt, naming `what`.
class ByteReader {
public:
  ByteReader(ByteView bytes, const char* what) : rest_(bytes), what_(what) {}

  template <std::unsigned_integral T>
  T take() {
    return load_le<T>(take_bytes(sizeof(T)).data());
  }
  /// LEB128, at most 10 bytes.
  std::uint64_t take_varint();
  ByteView take_bytes(std::size_t count);
  std::size_t left() const { return rest_.size(); }
  /// Throws corrupt unless everything was read.
  void expect_end() const;

private:
  ByteView rest_;
  const char* what_;
};

void put_varint(Bytes& to, std::uint64_t value);

}  // namespace holdfast::base
