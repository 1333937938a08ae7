#include "quota.hpp"

#include "base/units.hpp"
#include "refusal.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::store_server {

namespace {

/// A client that does not take no for an answer makes the server count no more often than this.
constexpr double recount_when_full_seconds = 30;
constexpr double recount_seconds = 3600;

}  // namespace

void Quota::take(std::uint64_t bytes) {
  if (!limit_) return;
  // Counting keeps others waiting: they could only be told about a number that is out of date.
  const std::lock_guard lock(mutex_);
  const auto now = clock_.now();
  if (!counted_ || base::seconds_between(*counted_, now) > recount_seconds) count();
  const auto fits = [&] {
    const auto used = stored_ + promised_;
    return used <= *limit_ && bytes <= *limit_ - used;
  };
  if (!fits() && base::seconds_between(*counted_, now) > recount_when_full_seconds) count();
  if (!fits()) {
    throw Refusal(status_full, base::ErrorKind::no_space,
                  fmt::format("the repository '{}' is full: {} of its quota of {} are used",
                              repository_, base::format_byte_count(stored_ + promised_),
                              base::format_byte_count(*limit_)));
  }
  promised_ += bytes;
}

void Quota::give_back(std::uint64_t bytes) {
  if (!limit_) return;
  const std::lock_guard lock(mutex_);
  stored_ -= std::min(stored_, bytes);
}

void Quota::settle(std::uint64_t bytes, bool is_stored) {
  if (!limit_) return;
  const std::lock_guard lock(mutex_);
  promised_ -= bytes;
  if (is_stored) stored_ += bytes;
}

void Quota::count() {
  std::uint64_t sum = 0;  // a list that breaks off leaves the last count
  backend_.list("", [&](const storage::ObjectInfo& object) { sum += object.size; });
  stored_ = sum;
  counted_ = clock_.now();
}

}  // namespace holdfast::store_server
