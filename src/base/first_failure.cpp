#include "base/first_failure.hpp"

#include "base/error.hpp"

namespace holdfast::base {

namespace {

/// Callers add context to the one that is on its way.
std::exception_ptr copy_of(std::exception_ptr failure) {
  try {
    std::rethrow_exception(std::move(failure));
  } catch (const Error& error) {
    return std::make_exception_ptr(error);
  } catch (const std::exception&) {
    return std::current_exception();
  }
}

}  // namespace

void FirstFailure::remember(std::exception_ptr failure) {
  auto copy = copy_of(std::move(failure));
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(copy);
  happened_ = true;
}

void FirstFailure::check() const {
  if (!happened()) return;
  const std::lock_guard lock(mutex_);
  try {
    std::rethrow_exception(failure_);
  } catch (const Error& first) {
    Error again = first;
    throw again.add_context(since_);
  }
}

}  // namespace holdfast::base
