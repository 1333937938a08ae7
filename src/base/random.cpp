#include "base/random.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/random.h>

namespace holdfast::base {

std::uint64_t Random::below(std::uint64_t bound) {
  HF_ASSERT(bound > 0, "there is no number below zero");
  // Values under `skewed` would make the small results more likely; each draw passes with p >= 1/2.
  const std::uint64_t skewed = (0 - bound) % bound;
  for (;;) {
    std::uint64_t value = 0;
    fill(std::as_writable_bytes(std::span(&value, 1)));
    if (value >= skewed) return value % bound;
  }
}

void SystemRandom::fill(MutableBytes bytes) {
  while (!bytes.empty()) {
    const auto got = ::getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error(errno, "reading random bytes from the kernel");
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

namespace {

std::uint64_t next_splitmix64(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t value = state;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

void SeededRandom::fill(MutableBytes bytes) {
  const std::lock_guard lock(mutex_);
  while (!bytes.empty()) {
    const std::uint64_t value = next_splitmix64(state_);
    const auto count = std::min(bytes.size(), sizeof value);
    std::memcpy(bytes.data(), &value, count);
    bytes = bytes.subspan(count);
  }
}

}  // namespace holdfast::base
