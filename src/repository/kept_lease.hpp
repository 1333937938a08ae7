#pragma once

#include "base/task_group.hpp"
#include "lease.hpp"
#include "repository/repository.hpp"

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>

namespace holdfast::repository {

LeaseStore lease_store_of(Repository& repository);

/// Who renews a lease: a thread of its own, or whoever calls renew_if_due (simulated runs).
enum class Renewal : std::uint8_t { by_thread, by_calls };

/// A lease that is renewed for as long as it lives.
class KeptLease {
public:
  /// `on_lost` is told why it cannot be renewed, once, from the renewing thread. A store that is
  /// away is no reason.
  KeptLease(const LeaseStore& store, const LeaseOptions& options, Renewal renewal,
            std::function<void(std::exception_ptr)> on_lost);

  Lease* operator->() { return &lease_; }

private:
  void keep(const std::stop_token& stopping);
  void renew();

  Lease lease_;
  const std::chrono::milliseconds interval_;
  const std::function<void(std::exception_ptr)> on_lost_;
  std::mutex mutex_;  // for waiting only
  std::condition_variable_any never_;
  base::TaskGroup renewing_;  // last: it ends before what it renews
};

}  // namespace holdfast::repository
