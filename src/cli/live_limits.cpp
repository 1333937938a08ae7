#include "live_limits.hpp"

#include "base/error.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sys/stat.h>
#include <utility>

namespace holdfast::cli {

namespace {

using policy::Direction;

constexpr std::int64_t look_nanoseconds = 1'000'000'000;

/// Differs when the file was written again; empty when it is not there.
std::string stamp_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};
  return fmt::format("{} {} {} {}.{}", status.st_dev, status.st_ino, status.st_size,
                     status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

std::optional<std::uint64_t> rate_now(const policy::BandwidthLimits& limits, Direction direction,
                                      const base::Clock& clock) {
  if (limits.windows.empty()) return policy::rate_at(limits, direction, 0);
  const auto now = clock.wall_now();
  return policy::rate_at(limits, direction, now.seconds + utc_offset(now));
}

}  // namespace

const config::Store* store_at(const config::Config& config, const storage::Location& location) {
  const auto found = std::ranges::find_if(config.stores, [&](const config::Store& store) {
    return store.url == location.url() || store.url == location.path;
  });
  return found == config.stores.end() ? nullptr : &*found;
}

LiveLimits::LiveLimits(Surroundings surroundings, policy::ByteRates given,
                       const config::Config* config)
    : surroundings_(std::move(surroundings)),
      given_(given),
      path_(config == nullptr ? "" : config->path),
      known_(config == nullptr ? nullptr : std::make_shared<const config::Config>(*config)),
      stamp_(stamp_of(path_)) {
  const auto limiter = [&](Direction direction) {
    return std::make_shared<base::RateLimiter>(
        [this, direction] { return general_rate(direction); }, surroundings_.clock);
  };
  general_ = {limiter(Direction::up), limiter(Direction::down)};
}

base::RateLimits LiveLimits::of(const storage::Location& location) {
  const auto limiter = [&](Direction direction, const std::shared_ptr<base::RateLimiter>& wider) {
    return std::make_shared<base::RateLimiter>(
        [this, location, direction] { return rate_of(location, direction); }, surroundings_.clock,
        wider);
  };
  const std::lock_guard lock(mutex_);
  auto& limits = stores_[location.url()];
  if (!limits.up) {
    limits = {limiter(Direction::up, general_.up), limiter(Direction::down, general_.down)};
  }
  return limits;
}

std::optional<std::uint64_t> LiveLimits::general_rate(Direction direction) {
  if (const auto& given = given_.of(direction)) {
    return *given == 0 ? std::nullopt : given;
  }
  const auto config = known();
  if (!config) return std::nullopt;
  return rate_now(config->limits, direction, surroundings_.clock);
}

std::optional<std::uint64_t> LiveLimits::rate_of(const storage::Location& location,
                                                 Direction direction) {
  const auto config = known();
  const auto* const store = config ? store_at(*config, location) : nullptr;
  if (store == nullptr) return std::nullopt;
  return rate_now(store->limits, direction, surroundings_.clock);
}

LiveLimits::Known LiveLimits::known() {
  if (!path_.empty()) look_again();
  const std::lock_guard lock(mutex_);
  return known_;
}

/// One of those who come at the same time looks; nobody waits for it.
void LiveLimits::look_again() {
  const auto now = surroundings_.clock.now().nanoseconds;
  auto due = look_at_.load();
  if (now < due || !look_at_.compare_exchange_strong(due, now + look_nanoseconds)) return;
  auto stamp = stamp_of(path_);
  {
    const std::lock_guard lock(mutex_);
    if (stamp == stamp_) return;
    stamp_ = std::move(stamp);
  }
  read_again();
}

void LiveLimits::read_again() {
  try {
    const auto fresh = std::make_shared<const config::Config>(surroundings_.read_again());
    const auto before = known();
    {
      const std::lock_guard lock(mutex_);
      known_ = fresh;
    }
    const bool same = before->limits == fresh->limits &&
                      std::ranges::equal(before->stores, fresh->stores, {}, &config::Store::limits,
                                         &config::Store::limits);
    if (!same) {
      surroundings_.note(
          fmt::format("{} changed: its limits of bandwidth hold from here on", path_));
    }
  } catch (const base::Error& error) {
    surroundings_.warn(fmt::format("limits of bandwidth stay as they were: {}", error.what()));
  }
}

}  // namespace holdfast::cli
