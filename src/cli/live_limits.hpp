#pragma once

#include "base/clock.hpp"
#include "base/rate_limit.hpp"
#include "config/config.hpp"
#include "storage/location.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace holdfast::cli {

/// What the configuration says of the store at `location`; null when it says nothing.
const config::Store* store_at(const config::Config& config, const storage::Location& location);

/// The limits of bandwidth of one run. They follow the clock, and the configuration: its file is
/// looked at about once a second while bytes move, and read again when it changed.
///
/// Errors:  a file that cannot be read, or is wrong, leaves the limits as they were, and is told.
/// Threads: all calls from any; whoever wants to send looks. Must outlive what it gives.
class LiveLimits {
public:
  struct Surroundings {
    const base::Clock& clock;
    /// What the file says at this moment; may throw base::Error.
    std::function<config::Config()> read_again;
    std::function<void(const std::string&)> note;
    std::function<void(const std::string&)> warn;
  };

  /// `given` on the command line goes before the general limits of the configuration.
  LiveLimits(Surroundings surroundings, policy::ByteRates given, const config::Config* config);

  /// Of one store, which are those of all stores too.
  base::RateLimits of(const storage::Location& location);

private:
  using Known = std::shared_ptr<const config::Config>;  // null: there is none

  std::optional<std::uint64_t> general_rate(policy::Direction direction);
  std::optional<std::uint64_t> rate_of(const storage::Location& location,
                                       policy::Direction direction);
  Known known();
  void look_again();
  void read_again();

  const Surroundings surroundings_;
  const policy::ByteRates given_;
  const std::string path_;                 // of the file; empty: none
  std::atomic<std::int64_t> look_at_ = 0;  // nanoseconds of the clock
  std::mutex mutex_;                       // guards what follows
  Known known_;
  std::string stamp_;
  base::RateLimits general_;
  std::map<std::string, base::RateLimits> stores_;  // by URL
};

}  // namespace holdfast::cli
