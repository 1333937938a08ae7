#include "base/retry.hpp"

#include "base/task_group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>

namespace holdfast::base {

namespace {

Error with_earlier(const Error& last, std::vector<std::string> earlier, int attempts) {
  std::erase(earlier, last.what());
  auto message = fmt::format("{} (after {} attempts", last.what(), attempts);
  for (const auto& other : earlier)
    message += "; before: " + other;
  Error error(last.kind(), message + ")", last.where());
  error.set_retry(last.retry()).set_layer(last.layer());
  if (!last.hint().empty()) error.set_hint(last.hint());
  return error;
}

}  // namespace

Sleeper make_sleeper(std::stop_token stopping) {
  return [stopping = std::move(stopping)](double seconds) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stopping, std::chrono::duration<double>(seconds), [] { return false; });
    check_cancelled(stopping);
  };
}

bool Retrier::is_last(const Failures& failures) const {
  if (failures.count + 1 < policy_.attempts_max) return false;
  return !answered_ || failures.waited_seconds >= policy_.patience_seconds;
}

std::optional<double> Retrier::note_failure(const Error& error, Failures& failures) const {
  if (error.retry() != Retry::later) {
    answered_ = true;
    throw;
  }
  const auto asked = error.retry_after_seconds();
  const bool too_long = asked && *asked > policy_.asked_delay_max_seconds;
  auto& earlier = failures.earlier;
  if (too_long || is_last(failures)) {
    answered_ = false;  // what is taken back after a failure is not waited for once more
    if (failures.count == 0) throw;
    throw with_earlier(error, earlier, failures.count + 1);
  }
  if (std::ranges::find(earlier, error.what()) == earlier.end()) earlier.emplace_back(error.what());
  return asked;
}

void Retrier::wait(Failures& failures, std::optional<double> asked_delay) const {
  const double delay =
      std::min(policy_.first_delay_seconds * std::exp2(failures.count), policy_.delay_max_seconds);
  // Between a half and the whole, so that many clients of a store that was down do not return at
  // once.
  const double jittered = delay * (0.5 + static_cast<double>(random_.below(1001)) / 2000);
  const double waits = std::max(jittered, asked_delay.value_or(0));
  sleeper_(waits);
  failures.waited_seconds += waits;
}

}  // namespace holdfast::base
