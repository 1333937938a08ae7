#pragma once

#include "base/error.hpp"
#include "base/random.hpp"

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::base {

/// How often and how long a call that failed with Retry::later is made again.
struct RetryPolicy {
  int attempts_max = 5;
  double first_delay_seconds = 0.2;  // doubles, with jitter, up to delay_max_seconds
  double delay_max_seconds = 10;
  /// A server that asks for a longer wait than this is not waited for.
  double asked_delay_max_seconds = 120;
};
/// How a retry waits; injected, so that no test sleeps.
using Sleeper = std::function<void(double seconds)>;
/// Waits in earnest, and throws Cancelled when `stopping` is asked for.
Sleeper make_sleeper(std::stop_token stopping);

/// Runs calls again.
///
/// Errors:  the final error carries the distinct earlier messages.
/// Threads: safe, it keeps nothing between calls. Borrows `random`.
class Retrier {
public:
  Retrier(RetryPolicy policy, Random& random, Sleeper sleeper)
      : policy_(policy), random_(random), sleeper_(std::move(sleeper)) {}

  /// `work` is given how many attempts failed before it.
  template <class Work>
  auto run(Work work) const {
    std::vector<std::string> earlier;
    for (int failed = 0;; ++failed) {
      std::optional<double> asked_delay;
      try {
        return work(failed);
      } catch (const Error& error) {
        asked_delay = note_failure(error, failed, earlier);
      }
      wait(failed, asked_delay);
    }
  }

private:
  /// Throws `error` when that was the last attempt; returns how long the other side asked to wait.
  std::optional<double> note_failure(const Error& error, int failed,
                                     std::vector<std::string>& earlier) const;
  void wait(int failed, std::optional<double> asked_delay) const;

  const RetryPolicy policy_;
  Random& random_;
  const Sleeper sleeper_;
};

}  // namespace holdfast::base
