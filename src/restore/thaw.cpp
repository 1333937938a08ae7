// How long a thaw takes is known to the store alone, and it does not say when one ends. So it is
// asked: soon at first, for some classes thaw in a minute, then more and more seldom, for others
// take two days and every question is paid for.

#include "restore/thaw.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "repository/stored_objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <iterator>
#include <mutex>
#include <set>

namespace holdfast::restore {

using base::Error;
using base::ErrorKind;
using storage::ObjectTiers;

namespace {

constexpr std::size_t requests_at_once = 8;
constexpr double first_wait_seconds = 0.25;
constexpr double wait_seconds_max = 300;
/// The slowest class takes two days.
constexpr double day_seconds = 24.0 * 3600;
constexpr double standstill_seconds_max = 4 * day_seconds;

void in_parallel(std::size_t count, const std::stop_token& stopping,
                 const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next = 0;
  base::TaskGroup group(stopping);
  for (std::size_t i = 0; i < std::min(requests_at_once, count); ++i) {
    group.spawn([&](const std::stop_token& token) {
      for (auto at = next++; at < count; at = next++) {
        base::check_cancelled(token);
        work(at);
      }
    });
  }
  group.join();
}

std::set<base::PackId> archived_packs(storage::Backend& backend) {
  std::set<base::PackId> archived;
  for (const auto& pack : repository::list_packs(backend)) {
    if (pack.is_archived) archived.insert(pack.id);
  }
  return archived;
}

bool can_be_read(storage::Backend& backend, const std::string& name) {
  std::array<std::byte, 1> byte{};
  try {
    static_cast<void>(backend.read(name, 0, byte));
    return true;
  } catch (const Error& error) {
    // Of several places the last one that was tried may not have it at all.
    if (error.kind() != ErrorKind::frozen && error.kind() != ErrorKind::not_found) throw;
    return false;
  }
}

/// Thaws and waits; progress counts what can be read.
class Thawing {
public:
  Thawing(ObjectTiers& tiers, std::span<const FrozenPack> packs, const ThawOptions& options,
          base::ProgressObserver& progress)
      : tiers_(tiers),
        options_(options),
        progress_(progress),
        pending_(packs.begin(), packs.end()) {
    report_.asked = packs.size();
    for (const auto& pack : packs)
      report_.bytes += pack.size;
  }

  void ask(const std::stop_token& stopping) {
    std::atomic<std::uint64_t> under_way = 0;
    settle(stopping, [&](const std::string& name) {
      const auto outcome = tiers_.thaw(name, options_.days, options_.speed);
      under_way += outcome == ObjectTiers::Thaw::under_way ? 1 : 0;
      return outcome == ObjectTiers::Thaw::readable;
    });
    report_.under_way = under_way;
    report_.asked -= under_way;
  }

  /// True when something more can be read.
  bool look(const std::stop_token& stopping) {
    const auto before = pending_.size();
    settle(stopping, [&](const std::string& name) {
      const auto tier = tiers_.look(name);
      // What went is not waited for: the restore finds it elsewhere or says so.
      return !tier || tier->can_be_read();
    });
    return pending_.size() < before;
  }

  bool done() const { return pending_.empty(); }
  std::size_t left() const { return pending_.size(); }
  ThawReport& report() { return report_; }

  /// `seconds_left`: of what the price list expects.
  void tell(std::int64_t seconds_left) {
    base::Progress now;
    now.phase = "thaw";
    now.items_total = report_.asked + report_.under_way;
    now.items_done = now.items_total - pending_.size();
    now.bytes_total = report_.bytes;
    now.bytes_done = report_.bytes;
    for (const auto& pack : pending_)
      now.bytes_done -= pack.size;
    if (seconds_left > 0) {
      now.current =
          fmt::format("about {} to wait", base::format_duration(static_cast<double>(seconds_left)));
    }
    progress_.on_progress(now);
  }

private:
  /// Drops those of the pending packs for which `is_readable` says so.
  void settle(const std::stop_token& stopping,
              const std::function<bool(const std::string&)>& is_readable) {
    std::mutex mutex;
    std::set<base::PackId> readable;
    in_parallel(pending_.size(), stopping, [&](std::size_t at) {
      if (!is_readable(repository::pack_object_name(pending_[at].id))) return;
      const std::lock_guard lock(mutex);
      readable.insert(pending_[at].id);
    });
    std::erase_if(pending_, [&](const FrozenPack& pack) { return readable.contains(pack.id); });
  }

  ObjectTiers& tiers_;
  const ThawOptions& options_;
  base::ProgressObserver& progress_;
  std::vector<FrozenPack> pending_;
  ThawReport report_;
};

}  // namespace

bool may_be_frozen(storage::Backend& backend) {
  return backend.tiers() != nullptr && !archived_packs(backend).empty();
}

std::vector<FrozenPack> find_frozen(storage::Backend& backend, std::span<const NeededPack> packs,
                                    const std::stop_token& stopping, storage::Backend* reads) {
  auto* const tiers = backend.tiers();
  if (tiers == nullptr || packs.empty()) return {};
  const auto archived = archived_packs(backend);
  std::vector<NeededPack> suspects;
  std::ranges::copy_if(packs, std::back_inserter(suspects),
                       [&](const NeededPack& pack) { return archived.contains(pack.id); });
  std::mutex mutex;
  std::vector<FrozenPack> frozen;
  in_parallel(suspects.size(), stopping, [&](std::size_t at) {
    const auto name = repository::pack_object_name(suspects[at].id);
    if (can_be_read(reads == nullptr ? backend : *reads, name)) return;
    const auto tier = tiers->look(name);
    if (!tier) return;
    const std::lock_guard lock(mutex);
    frozen.push_back({suspects[at].id, suspects[at].size, tier->storage_class,
                      tier->state == storage::ObjectTier::State::thawing});
  });
  std::ranges::sort(frozen, {}, &FrozenPack::id);
  return frozen;
}

ThawReport thaw(storage::Backend& backend, std::span<const FrozenPack> packs,
                const ThawOptions& options, const base::Clock& clock, const base::Sleeper& sleeper,
                base::ProgressObserver& progress, const std::stop_token& stopping) {
  HF_ASSERT(backend.tiers() != nullptr, "only what has classes freezes");
  const auto begin = clock.now();
  Thawing thawing(*backend.tiers(), packs, options, progress);
  thawing.ask(stopping);
  auto moved = begin;
  double wait = first_wait_seconds;
  while (!thawing.done()) {
    const auto waited = static_cast<std::int64_t>(base::seconds_between(begin, clock.now()));
    thawing.tell(options.seconds_expected - waited);
    sleeper(wait);
    base::check_cancelled(stopping);
    wait = std::min(2 * wait, wait_seconds_max);
    if (thawing.look(stopping)) moved = clock.now();
    if (base::seconds_between(moved, clock.now()) < standstill_seconds_max) continue;
    throw Error(ErrorKind::unavailable,
                fmt::format("{} packs in {} are not thawed after {} days", thawing.left(),
                            backend.describe(), standstill_seconds_max / day_seconds))
        .set_hint("ask the provider; the same command goes on from here");
  }
  thawing.tell(0);
  thawing.report().seconds_waited =
      static_cast<std::int64_t>(base::seconds_between(begin, clock.now()));
  return thawing.report();
}

}  // namespace holdfast::restore
