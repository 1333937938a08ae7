#include "kept_lease.hpp"

#include "base/error.hpp"
#include "repository/reader_lease.hpp"

#include <algorithm>
#include <chrono>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

namespace {

/// Six looks in the time of a lease, which is renewed when a third has passed; more if it is long.
/// Waits do not count the time that the machine sleeps: soon after it wakes up there is a look.
std::chrono::milliseconds interval_of(const LeaseOptions& options) {
  constexpr std::int64_t longest_ms = 5000;
  return std::chrono::milliseconds(std::min(options.duration_seconds * 1000 / 6, longest_ms));
}

/// Whether a store only cannot be written to: then it cannot lose anything either.
bool is_read_only(const Error& error) {
  return error.kind() == ErrorKind::access_denied || error.kind() == ErrorKind::no_space ||
         error.kind() == ErrorKind::io;
}

}  // namespace

LeaseStore lease_store_of(Repository& repository) {
  const auto& environment = repository.environment();
  return {repository.backend(), repository.id(), repository.keys(), environment.clock,
          environment.random};
}

KeptLease::KeptLease(const LeaseStore& store, const LeaseOptions& options, Renewal renewal,
                     std::function<void(std::exception_ptr)> on_lost)
    : lease_(store, options), interval_(interval_of(options)), on_lost_(std::move(on_lost)) {
  if (renewal == Renewal::by_calls) return;
  renewing_.spawn([this](const std::stop_token& stopping) { keep(stopping); });
}

void KeptLease::keep(const std::stop_token& stopping) {
  try {
    std::unique_lock lock(mutex_);
    while (!stopping.stop_requested()) {
      never_.wait_for(lock, stopping, interval_, [] { return false; });
      lock.unlock();
      if (!stopping.stop_requested()) renew();
      lock.lock();
    }
  } catch (const Error&) {
    if (on_lost_) on_lost_(std::current_exception());
  }
}

void KeptLease::renew() {
  try {
    lease_.renew_if_due();
  } catch (const Error& error) {
    // The store is away, as it is for a while after a laptop woke up: the next look tries again,
    // and what the run itself sends says whether it comes back. Nothing is committed under a lease
    // that was taken away meanwhile.
    const bool is_lost = error.kind() == ErrorKind::conflict;
    if (is_lost || error.retry() != base::Retry::later) throw;
  }
}

struct ReaderLease::State {
  std::optional<KeptLease> lease;
};

ReaderLease::ReaderLease(Repository& repository, const std::string& purpose, Renewing renewing)
    : state_(std::make_unique<State>()) {
  // Who cannot search the index reads nothing that a lease would keep.
  if (!repository.keys().can(Ability::search_index)) return;
  LeaseOptions options;
  options.purpose = purpose;
  const auto renewal = renewing == Renewing::by_thread ? Renewal::by_thread : Renewal::by_calls;
  try {
    // A reader that lost its lease reads on: what went is told when it is missed.
    state_->lease.emplace(lease_store_of(repository), options, renewal, nullptr);
  } catch (const Error& error) {
    if (!is_read_only(error)) throw;
  }
}

ReaderLease::~ReaderLease() = default;

bool ReaderLease::is_held() const { return state_->lease.has_value(); }

}  // namespace holdfast::repository
