#pragma once

#include "base/bytes.hpp"

#include <cstddef>
#include <memory>
#include <string_view>

namespace holdfast::base {

/// Bytes that must not leak: wiped when dropped, kept out of core dumps and swap where the kernel
/// allows it, not printable, not copyable by accident.
class Secret {
public:
  Secret() = default;
  explicit Secret(std::size_t size);
  explicit Secret(ByteView bytes);
  ~Secret();
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  Secret clone() const { return Secret(view()); }
  ByteView view() const { return {bytes_, size_}; }
  MutableBytes mutable_view() { return {bytes_, size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

private:
  void wipe() noexcept;

  std::byte* bytes_ = nullptr;
  std::size_t size_ = 0;
};

/// Overwrites `bytes` in a way that the compiler may not remove.
void wipe(MutableBytes bytes) noexcept;
/// Compares in a time that depends on the sizes only.
bool equal_in_constant_time(ByteView a, ByteView b) noexcept;

}  // namespace holdfast::base
