#pragma once

#include "base/error.hpp"
#include "base/random.hpp"

#include <atomic>
#include <exception>
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
  /// Who answered before is waited for at least so long, however many attempts that takes: a laptop
  /// that wakes up has no network yet, a router starts anew. Counts the waits between attempts.
  double patience_seconds = 0;
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
/// Threads: safe; it keeps only whether the last call that ended did so with success. Borrows
///          `random`.
class Retrier {
public:
  Retrier(RetryPolicy policy, Random& random, Sleeper sleeper)
      : policy_(policy), random_(random), sleeper_(std::move(sleeper)) {}

  /// `work` is given how many attempts failed before it.
  template <class Work>
  auto run(Work work) const {
    Failures failures;
    for (;; ++failures.count) {
      std::optional<double> asked_delay;
      try {
        const Answer answer(answered_);
        return work(failures.count);
      } catch (const Error& error) {
        asked_delay = note_failure(error, failures);
      }
      wait(failures, asked_delay);
    }
  }

private:
  /// Notes at its end that no exception is on its way.
  class Answer {
  public:
    explicit Answer(std::atomic<bool>& noted)
        : noted_(noted), exceptions_(std::uncaught_exceptions()) {}
    ~Answer() {
      if (std::uncaught_exceptions() == exceptions_) noted_ = true;
    }
    Answer(const Answer&) = delete;
    Answer& operator=(const Answer&) = delete;

  private:
    std::atomic<bool>& noted_;
    const int exceptions_;
  };
  struct Failures {
    int count = 0;
    double waited_seconds = 0;
    std::vector<std::string> earlier{};
  };
  /// Throws `error` when that was the last attempt; returns how long the other side asked to wait.
  std::optional<double> note_failure(const Error& error, Failures& failures) const;
  bool is_last(const Failures& failures) const;
  void wait(Failures& failures, std::optional<double> asked_delay) const;

  const RetryPolicy policy_;
  Random& random_;
  const Sleeper sleeper_;
  mutable std::atomic<bool> answered_ = false;
};

}  // namespace holdfast::base
