// The ledger is a set of objects `checks/<id>`, each with some readings, and means their union: of
// each pack the newest. So any number of checks add to it at the same time without a lock. Who
// finds many objects writes one with all that they say, and then removes them; an object so goes
// only after one that says the same is durable, whatever others do meanwhile.

#include "read_log.hpp"

#include "base/error.hpp"
#include "index_segment.hpp"
#include "ledger_object.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace holdfast::repository {

using base::Error;

namespace {

/// What a check that is killed reads again is what it read in so many seconds.
constexpr double write_interval_seconds = 60;
/// More objects than this are merged, unless the readings do not fit into half as many.
constexpr std::size_t objects_before_merge = 16;

ReadLevel level_of(Repository& repository) {
  return repository.keys().can(Ability::read_content) ? ReadLevel::contents : ReadLevel::checksums;
}

void put_object(Repository& repository, std::span<const PackReading> readings,
                std::vector<std::string>& names) {
  const auto name = make_ledger_name(repository.environment().random);
  const auto object = seal_readings(name, readings, repository.id(), repository.keys(),
                                    repository.environment().random);
  if (storage::put(repository.backend(), name, object) != storage::PutOutcome::stored) {
    throw Error(base::ErrorKind::conflict, name + " exists already");
  }
  names.push_back(name);
}

/// Returns the names of the new objects. `readings` are in order.
std::vector<std::string> put_all(Repository& repository, std::span<const PackReading> readings) {
  std::vector<std::string> names;
  while (!readings.empty()) {
    const auto count = std::min(readings.size(), ledger_readings_max);
    put_object(repository, readings.first(count), names);
    readings = readings.subspan(count);
  }
  return names;
}

}  // namespace

ReadLog::ReadLog(Repository& repository, const CheckOptions& options, CheckFindings& findings,
                 CheckReport& report)
    : repository_(repository),
      options_(options),
      findings_(findings),
      report_(report),
      level_(level_of(repository)),
      stored_(load_read_ledger(repository)),
      written_at_(repository.environment().clock.now()) {
  for (const auto& damaged : stored_.damaged)
    findings.add(damaged.object, damaged.why);
}

bool ReadLog::is_due(const base::PackId& id) const {
  if (!options_.older_than_seconds || stored_.ledger.damaged(id)) return true;
  const auto last = stored_.ledger.last_read(id, level_);
  return !last || stored_.ledger.now() - *last >= *options_.older_than_seconds;
}

/// Moves what the budget does not cover out of `due`, but for the first: else a budget below the
/// size of a pack would never get anywhere.
void ReadLog::take_next(std::vector<Pack>& due) {
  if (!options_.budget_bytes || due.empty()) return;
  std::uint64_t bytes = due.front().size;
  std::size_t count = 1;
  while (count < due.size() &&
         due[count].size <= *options_.budget_bytes - std::min(bytes, *options_.budget_bytes)) {
    bytes += due[count].size;
    ++count;
  }
  for (std::size_t i = count; i < due.size(); ++i) {
    ++report_.packs_left;
    report_.bytes_left += due[i].size;
    if (!stored_.ledger.damaged(due[i].id)) continue;
    findings_.add(pack_object_name(due[i].id),
                  "was damaged when it was last read; it was not read again within the budget");
  }
  due.resize(count);
}

std::vector<ReadLog::Pack> ReadLog::choose(std::vector<Pack> packs) {
  if (!options_.read_data) return {};
  std::erase_if(packs, [&](const Pack& pack) { return !is_due(pack.id); });
  // Never read comes first, then what was read longest ago.
  std::ranges::stable_sort(packs, {}, [&](const Pack& pack) {
    const auto last = stored_.ledger.last_read(pack.id, level_);
    return std::pair(last.has_value(), last.value_or(0));
  });
  take_next(packs);
  return packs;
}

void ReadLog::note(const base::PackId& id, ReadResult result) {
  const auto& clock = repository_.environment().clock;
  std::vector<PackReading> batch;
  {
    const std::lock_guard lock(mutex_);
    ++report_.packs_read;
    unwritten_.push_back({id, level_, result, clock.wall_now().seconds});
    if (base::seconds_between(written_at_, clock.now()) < write_interval_seconds) return;
    written_at_ = clock.now();
    batch = std::exchange(unwritten_, {});
  }
  write(std::move(batch));
}

void ReadLog::tell_failure(const Error& error) {
  const std::lock_guard lock(mutex_);
  failure_ = error.what();
}

void ReadLog::write(std::vector<PackReading> readings) {
  if (!options_.keep_ledger || readings.empty() || !clock_is_possible(repository_)) return;
  std::ranges::sort(readings, {}, &PackReading::pack);
  try {
    auto names = put_all(repository_, readings);
    const std::lock_guard lock(mutex_);
    std::ranges::move(names, std::back_inserter(own_objects_));
  } catch (const Error& error) {
    tell_failure(error);
  }
}

/// All that is known, in as few objects as it takes.
void ReadLog::merge(const std::vector<base::PackId>& present) {
  const auto stored = load_read_ledger(repository_);
  const auto readings = stored.ledger.readings(
      [&](const base::PackId& id) { return std::ranges::binary_search(present, id); });
  const auto needed = (readings.size() + ledger_readings_max - 1) / ledger_readings_max;
  const auto count = stored.objects.size();
  const bool many = count > objects_before_merge && count > 2 * needed;
  // What this check wrote in pieces is merged in any case.
  if (!many && (own_objects_.size() < 2 || count <= needed)) return;
  static_cast<void>(put_all(repository_, readings));
  for (const auto& name : stored.objects)
    static_cast<void>(repository_.backend().remove(name));
}

void ReadLog::write_noted() { write(std::exchange(unwritten_, {})); }

void ReadLog::finish(const std::vector<base::PackId>& present) {
  if (!options_.keep_ledger || !options_.read_data) return;
  write_noted();
  if (!clock_is_possible(repository_)) {
    failure_ = "this machine's clock is before the time at which the repository was made";
  } else if (failure_.empty() && report_.packs_read != 0) {
    try {
      merge(present);
    } catch (const Error& error) {
      tell_failure(error);
    }
  }
  report_.ledger_note = failure_;
}

}  // namespace holdfast::repository
