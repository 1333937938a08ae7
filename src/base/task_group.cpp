#include "base/task_group.hpp"

#include "base/error.hpp"

#include <system_error>

namespace holdfast::base {

namespace {

bool is_cancel(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Cancelled&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

TaskGroup::TaskGroup(std::stop_token parent)
    : link_(std::move(parent), [this] { stop_.request_stop(); }) {}

TaskGroup::~TaskGroup() {
  stop_.request_stop();
  threads_.clear();
}

void TaskGroup::spawn(std::function<void(std::stop_token)> task) {
  try {
    threads_.emplace_back([this, task = std::move(task)] {
      try {
        task(stop_.get_token());
      } catch (...) {
        record(std::current_exception());
      }
    });
  } catch (const std::system_error& failure) {
    throw system_error(failure.code().value(), "starting a thread");
  }
}

void TaskGroup::join() {
  threads_.clear();  // a jthread joins when dropped
  const std::lock_guard lock(mutex_);
  if (failure_ == nullptr) return;
  std::rethrow_exception(std::exchange(failure_, nullptr));
}

void TaskGroup::record(std::exception_ptr failure) {
  const bool cancel = is_cancel(failure);
  {
    const std::lock_guard lock(mutex_);
    if (failure_ == nullptr || (failure_is_cancel_ && !cancel)) {
      failure_ = std::move(failure);
      failure_is_cancel_ = cancel;
    }
  }
  stop_.request_stop();
}

void check_cancelled(const std::stop_token& token) {
  if (token.stop_requested()) throw Cancelled();
}

}  // namespace holdfast::base
