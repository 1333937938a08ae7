#pragma once

#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace holdfast::base {

/// Threads that live and die together.
///
/// Errors:  the first failure asks all others to stop and is rethrown by join(). `Cancelled` thrown
///          by a task because the group is stopping does not hide the failure that stopped it.
/// Threads: spawn and join from the owning thread; request_stop from any.
class TaskGroup {
public:
  /// The group also stops when `parent` is asked to.
  explicit TaskGroup(std::stop_token parent = {});
  /// Asks all to stop and waits; a failure nobody joined for is dropped with the work it belonged
  /// to.
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  void spawn(std::function<void(std::stop_token)> task);
  /// Returns when all tasks ended; throws the first failure.
  void join();
  void request_stop() { stop_.request_stop(); }
  std::stop_token token() const { return stop_.get_token(); }

private:
  void record(std::exception_ptr failure);

  std::stop_source stop_;
  std::stop_callback<std::function<void()>> link_;
  std::mutex mutex_;
  std::exception_ptr failure_;
  bool failure_is_cancel_ = false;
  std::vector<std::jthread> threads_;
};

/// Throws Cancelled when `token` was asked to stop.
void check_cancelled(const std::stop_token& token);

}  // namespace holdfast::base
