#pragma once

#include "base/clock.hpp"
#include "storage/backend.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace holdfast::storage {

/// Bytes a second at this moment; nothing: as fast as it goes. Asked again all the time.
using Rate = std::function<std::optional<std::uint64_t>()>;

/// Lets so many bytes a second pass, for all who share it together.
/// Threads: all calls from any thread; who comes first goes first.
class RateLimiter {
public:
  /// Borrows `clock`.
  RateLimiter(Rate rate, base::Clock& clock, Sleeper sleeper)
      : rate_(std::move(rate)), clock_(clock), sleeper_(std::move(sleeper)) {}

  /// Returns when `bytes` may pass. A change of the rate is noticed within a second or so.
  void pass(std::uint64_t bytes);

private:
  double delay_of(std::uint64_t bytes, std::uint64_t rate);

  const Rate rate_;
  base::Clock& clock_;
  const Sleeper sleeper_;
  std::mutex mutex_;  // guards what follows
  std::optional<base::Instant> begun_;
  double reserved_seconds_ = 0;  // from begun_ on
};

struct Limits {
  std::vector<std::shared_ptr<RateLimiter>> up;  // all of them count
  std::vector<std::shared_ptr<RateLimiter>> down;
};
/// What is written and read of `inner`, whose calls otherwise cost nothing, in pieces that pass the
/// limits.
std::unique_ptr<Backend> with_limits(std::unique_ptr<Backend> inner, Limits limits);

}  // namespace holdfast::storage
