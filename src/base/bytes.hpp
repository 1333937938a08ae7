#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::base {

/// Borrowed bytes. Never stored: whoever keeps bytes owns them as `Bytes` or `Buffer`.
using ByteView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;
using Bytes = std::vector<std::byte>;

inline ByteView as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Bytes copy_of(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

inline void append(Bytes& to, ByteView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

/// A fixed block of memory that is not cleared when made, for the paths that move every byte.
///
/// Shape:  `capacity()` bytes of which the first `size()` are in use.
/// Errors: appending past the capacity is a programmer error and aborts.
class Buffer {
public:
  Buffer() = default;
  explicit Buffer(std::size_t capacity);

  std::byte* data() { return bytes_.get(); }
  const std::byte* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  std::size_t room() const { return capacity_ - size_; }
  bool empty() const { return size_ == 0; }

  ByteView view() const { return {bytes_.get(), size_}; }
  MutableBytes all() { return {bytes_.get(), capacity_}; }
  MutableBytes free_space() { return {bytes_.get() + size_, capacity_ - size_}; }

  void append(ByteView bytes);
  void set_size(std::size_t size);
  void clear() { size_ = 0; }
  /// Makes the capacity at least `capacity`; what was in the buffer is lost if it must grow.
  void reserve_discarding(std::size_t capacity);

private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

std::string to_hex(ByteView bytes);
/// Errors: throws invalid_input when `hex` has an odd length or a character that is not a hex
/// digit.
Bytes from_hex(std::string_view hex);

}  // namespace holdfast::base
