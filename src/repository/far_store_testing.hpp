// A store over a line on which a test can let transfers wait.
#pragma once

#include "base/clock.hpp"
#include "storage/memory/memory_backend.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

namespace holdfast::repository {

/// Calls `on_transfer`, once there is one, for each read and append, from the thread that makes it.
class FarStore {
public:
  static constexpr unsigned transfers_max = 8;

  std::unique_ptr<storage::Backend> open() {
    const auto limiter = std::make_shared<base::RateLimiter>(
        [] { return std::optional<std::uint64_t>(1'000'000'000); }, clock_);
    return storage::with_limits(storage::open_memory(transfers_max), {limiter, limiter}, clock_,
                                [this](double) {
                                  if (watches) on_transfer();
                                });
  }

  std::function<void()> on_transfer;
  std::atomic<bool> watches = false;

private:
  base::ManualClock clock_{{0, 0}};
};

}  // namespace holdfast::repository
