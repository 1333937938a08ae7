#include "base/secret.hpp"

#include "base/error.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace holdfast::base {

namespace {

std::size_t in_whole_pages(std::size_t size) {
  static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return (size + page - 1) / page * page;
}

}  // namespace

// Pages of its own: locking and hiding work on whole pages, and unlocking must not uncover a
// neighbour.
Secret::Secret(std::size_t size) : size_(size) {
  if (size == 0) return;
  const auto length = in_whole_pages(size);
  void* const pages =
      ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw system_error(errno, "allocating memory for a secret");
  // Both are best effort: RLIMIT_MEMLOCK is small for ordinary users.
  static_cast<void>(::mlock(pages, length));
  static_cast<void>(::madvise(pages, length, MADV_DONTDUMP));
  bytes_ = static_cast<std::byte*>(pages);
}

Secret::Secret(ByteView bytes) : Secret(bytes.size()) { std::ranges::copy(bytes, bytes_); }

Secret::~Secret() { wipe(); }

Secret::Secret(Secret&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  bytes_ = std::exchange(other.bytes_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void Secret::wipe() noexcept {
  if (bytes_ == nullptr) return;
  base::wipe(mutable_view());
  ::munmap(bytes_, in_whole_pages(size_));
  bytes_ = nullptr;
  size_ = 0;
}

void wipe(MutableBytes bytes) noexcept {
  if (!bytes.empty()) ::explicit_bzero(bytes.data(), bytes.size());
}

bool equal_in_constant_time(ByteView a, ByteView b) noexcept {
  if (a.size() != b.size()) return false;
  volatile unsigned difference = 0;  // volatile: the compiler may not stop at the first difference
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = difference | std::to_integer<unsigned>(a[i] ^ b[i]);
  }
  return difference == 0;
}

}  // namespace holdfast::base
