#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"

#include <cstdint>
#include <mutex>

namespace holdfast::base {

/// Randomness, passed in so that tests can repeat a run. Threads: all calls are safe.
class Random {
public:
  virtual ~Random() = default;
  virtual void fill(MutableBytes bytes) = 0;

  /// Uniform in [0, bound). `bound` is at least 1.
  std::uint64_t below(std::uint64_t bound);
  template <class Id>
  Id id() {
    Id id;
    fill(id.mutable_view());
    return id;
  }
};

/// The kernel's generator.
class SystemRandom final : public Random {
public:
  void fill(MutableBytes bytes) override;
};

/// The same bytes for the same seed (splitmix64). For tests only: not secret.
class SeededRandom final : public Random {
public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(MutableBytes bytes) override;

private:
  std::mutex mutex_;
  std::uint64_t state_;
};

}  // namespace holdfast::base
