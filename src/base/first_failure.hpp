#pragma once

#include <atomic>
#include <concepts>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

namespace holdfast::base {

/// The first failure of work that many threads do together and that ends with it. The others fail
/// with a copy, so that whichever thread is heard in the end says what happened.
///
/// Threads: any.
class FirstFailure {
public:
  /// `since`: the context in which the failure is thrown again.
  explicit FirstFailure(std::string since) : since_(std::move(since)) {}

  bool happened() const noexcept { return happened_.load(); }
  void remember(std::exception_ptr failure);
  /// Throws the first failure again if there was one.
  void check() const;

  /// What `work` returns; it is not begun after a failure, and its own is remembered.
  template <std::invocable Work>
  decltype(auto) run(Work&& work) {
    check();
    try {
      return std::invoke(std::forward<Work>(work));
    } catch (const std::exception&) {
      remember(std::current_exception());
      throw;
    }
  }

private:
  const std::string since_;
  std::atomic<bool> happened_ = false;
  mutable std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace holdfast::base
