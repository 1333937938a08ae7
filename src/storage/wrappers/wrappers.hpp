#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/rate_limit.hpp"
#include "base/retry.hpp"
#include "storage/backend.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::storage {

/// What went over the wire. Threads: counters may be read at any time.
struct Traffic {
  std::atomic<std::uint64_t> bytes_read = 0;
  std::atomic<std::uint64_t> bytes_written = 0;
  std::atomic<std::uint64_t> calls = 0;
};
/// Counts into `traffic`, which must outlive the result. Borrows `inner`.
std::unique_ptr<Backend> with_counting(Backend& inner, Traffic& traffic);

/// Refuses create, remove and remove_leftovers with access_denied. Borrows `inner`.
std::unique_ptr<Backend> read_only(Backend& inner);

/// Another place with the same objects, opened when it is first needed.
struct Fallback {
  std::string name;
  std::function<std::unique_ptr<Backend>()> open;
};
/// Reads from `inner` as long as that works, object by object, then from `places` in their order; a
/// place that does not answer is not asked again. Writes and removes in `inner` alone. `tell` gets
/// a sentence for each place that is turned away from, from any thread; nothing of objects that
/// `is_elsewhere` says are not to be in `inner`. Borrows `inner`.
std::unique_ptr<Backend> with_fallbacks(
    Backend& inner, std::vector<Fallback> places, std::function<void(const std::string&)> tell,
    std::function<bool(const std::string& name)> is_elsewhere = nullptr);

/// Calls that fail with Retry::later are made again. Whole-object `put` is repeated; a commit whose
/// reply was lost is settled by comparing what is stored. Borrows `inner`.
std::unique_ptr<Backend> with_retries(Backend& inner, base::RetryPolicy policy,
                                      base::Random& random, base::Sleeper sleeper);

/// The same, and owns `inner`.
std::unique_ptr<Backend> with_retries(std::unique_ptr<Backend> inner, base::RetryPolicy policy,
                                      base::Random& random, base::Sleeper sleeper);

/// What is written and read of `inner` passes the limits in pieces, each of which waits for its
/// turn. For stores that send as they are told and ask as they are asked. Owns `inner`, borrows
/// `clock`.
std::unique_ptr<Backend> with_limits(std::unique_ptr<Backend> inner, const base::RateLimits& limits,
                                     const base::Clock& clock, const base::Sleeper& sleeper);

/// Whoever writes a large object into `inner` does not wait for the store before commit, unless
/// some MiB are waiting already; an error may come with a later append, or with commit. Owns
/// `inner`.
std::unique_ptr<Backend> with_senders(std::unique_ptr<Backend> inner);

}  // namespace holdfast::storage
