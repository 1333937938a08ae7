#pragma once

#include "base/clock.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace holdfast::store_server {

/// How much may lie in a repository, in bytes of its objects. What was there before is counted when
/// it is first asked for, and again from time to time, because the folder may be used without the
/// server too. Threads: all calls from any. Borrows all it is given.
class Quota {
public:
  Quota(std::string repository, storage::Backend& backend, std::optional<std::uint64_t> limit,
        const base::Clock& clock)
      : repository_(std::move(repository)), backend_(backend), limit_(limit), clock_(clock) {}

  /// Errors: no_space when that is more than what is left.
  void take(std::uint64_t bytes);
  void give_back(std::uint64_t bytes);
  bool is_limited() const { return limit_.has_value(); }

private:
  void count();

  const std::string repository_;
  storage::Backend& backend_;
  const std::optional<std::uint64_t> limit_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::uint64_t stored_ = 0;    // at the last count, and since
  std::uint64_t promised_ = 0;  // taken by what is not stored yet
  std::optional<base::Instant> counted_;

  friend class Reservation;
  void settle(std::uint64_t bytes, bool is_stored);
};

/// Bytes that are on their way into a repository; given back unless they arrive.
class Reservation {
public:
  explicit Reservation(Quota& quota) : quota_(quota) {}
  ~Reservation() { quota_.settle(bytes_, false); }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  /// Errors: as Quota::take.
  void add(std::uint64_t bytes) {
    quota_.take(bytes);
    bytes_ += bytes;
  }
  /// They are stored.
  void keep() {
    quota_.settle(bytes_, true);
    bytes_ = 0;
  }

private:
  Quota& quota_;
  std::uint64_t bytes_ = 0;
};

}  // namespace holdfast::store_server
