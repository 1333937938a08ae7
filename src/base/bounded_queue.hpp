#pragma once

#include "base/error.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

namespace holdfast::base {

/// A queue between threads that holds at most `limit` units; an item weighs what its pusher says.
///
/// Errors:  push and pop throw Cancelled when `token` stops.
/// Threads: any number of pushers and poppers. An item heavier than the limit passes alone.
template <class T>
class BoundedQueue {
public:
  explicit BoundedQueue(std::size_t limit) : limit_(limit) {}

  void push(T item, std::size_t weight, const std::stop_token& token) {
    std::unique_lock lock(mutex_);
    const bool ready =
        changed_.wait(lock, token, [&] { return weight_ == 0 || weight_ + weight <= limit_; });
    if (!ready) throw Cancelled();
    HF_ASSERT(!closed_, "nothing is pushed after close");
    items_.emplace_back(std::move(item), weight);
    weight_ += weight;
    changed_.notify_all();
  }

  /// Nothing once the queue is closed and empty.
  std::optional<T> pop(const std::stop_token& token) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, token, [&] { return closed_ || !items_.empty(); })) throw Cancelled();
    if (items_.empty()) return std::nullopt;
    auto [item, weight] = std::move(items_.front());
    items_.pop_front();
    weight_ -= weight;
    changed_.notify_all();
    return std::move(item);
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

private:
  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::pair<T, std::size_t>> items_;
  std::size_t weight_ = 0;
  bool closed_ = false;
};

}  // namespace holdfast::base
