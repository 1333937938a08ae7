#pragma once

#include "base/bytes.hpp"

#include <array>
#include <compare>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

namespace holdfast::base {

/// 32 bytes that name one kind of thing; ids of different kinds do not convert.
template <class Tag>
class Digest32 {
public:
  static constexpr std::size_t size = 32;

  Digest32() = default;
  explicit Digest32(const std::array<std::byte, size>& bytes) : bytes_(bytes) {}

  /// Errors: throws invalid_input unless `bytes` is 32 long.
  static Digest32 from_bytes(ByteView bytes);
  /// Errors: throws invalid_input unless `hex` is 64 hex digits.
  static Digest32 from_hex(std::string_view hex);

  ByteView view() const { return bytes_; }
  MutableBytes mutable_view() { return bytes_; }
  std::string hex() const { return to_hex(bytes_); }
  /// The first eight hex digits, for people.
  std::string short_hex() const { return hex().substr(0, 8); }
  /// The first eight bytes as a number: uniform for hashes, hence good for tables and fan-outs.
  std::uint64_t prefix64() const {
    std::uint64_t value;
    std::memcpy(&value, bytes_.data(), sizeof value);
    return value;
  }

  auto operator<=>(const Digest32&) const = default;

private:
  std::array<std::byte, size> bytes_{};
};

namespace detail {
void copy_digest(std::array<std::byte, 32>& to, ByteView bytes);
}

template <class Tag>
Digest32<Tag> Digest32<Tag>::from_bytes(ByteView bytes) {
  Digest32 digest;
  detail::copy_digest(digest.bytes_, bytes);
  return digest;
}

template <class Tag>
Digest32<Tag> Digest32<Tag>::from_hex(std::string_view hex) {
  return from_bytes(base::from_hex(hex));
}

using Hash = Digest32<struct HashTag>;
using ChunkId = Digest32<struct ChunkTag>;
using PackId = Digest32<struct PackTag>;
using IndexId = Digest32<struct IndexTag>;
using SnapshotId = Digest32<struct SnapshotTag>;
using RepositoryId = Digest32<struct RepositoryTag>;

}  // namespace holdfast::base

template <class Tag>
struct std::hash<holdfast::base::Digest32<Tag>> {
  std::size_t operator()(const holdfast::base::Digest32<Tag>& id) const noexcept {
    return static_cast<std::size_t>(id.prefix64());
  }
};
