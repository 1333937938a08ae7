#include "repository/read_ledger.hpp"

#include "base/error.hpp"
#include "check_findings.hpp"
#include "ledger_object.hpp"
#include "storage/get_many.hpp"

#include <algorithm>
#include <set>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

namespace {

/// Clocks of machines differ by seconds; what differs by more is a wrong clock.
constexpr std::int64_t clock_difference_max = 3600;
/// What is beyond is not read: its packs look unread. A check merges objects long before.
constexpr std::size_t ledger_objects_max = 4096;
/// Somebody merges objects while they are read: then they are listed again.
constexpr int attempts_max = 3;

constexpr std::int64_t day = 86'400;

std::vector<std::string> list_ledger(Repository& repository, StoredReadLedger& stored) {
  std::vector<std::string> names;
  repository.backend().list(std::string(ledger_prefix), [&](const storage::ObjectInfo& object) {
    if (names.size() + stored.damaged.size() == ledger_objects_max) return;
    try {
      expect_ledger_name(object.name);
      names.push_back(object.name);
    } catch (const Error& error) {
      stored.damaged.push_back({object.name, error.what()});
    }
  });
  std::ranges::sort(names);
  return names;
}

/// False when the object is gone.
bool load_object(Repository& repository, const std::string& name, const storage::Fetch& fetch,
                 StoredReadLedger& stored) {
  try {
    for (const auto& reading : open_readings(name, fetch(), repository.id(), repository.keys()))
      stored.ledger.add(reading);
    stored.objects.push_back(name);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_found) return false;
    if (!is_damage(error)) throw;
    stored.damaged.push_back({name, error.what()});
  }
  return true;
}

}  // namespace

void ReadLedger::add(const PackReading& reading) {
  if (reading.seconds > now_ + clock_difference_max) return;
  const auto [at, added] = newest_.try_emplace({reading.pack, reading.level}, reading);
  if (added || reading.seconds < at->second.seconds) return;
  // Of two at the same time the one that found damage counts.
  if (reading.seconds > at->second.seconds || reading.result == ReadResult::damaged) {
    at->second = reading;
  }
}

const PackReading* ReadLedger::find(const base::PackId& pack, ReadLevel level) const {
  const auto at = newest_.find({pack, level});
  return at == newest_.end() ? nullptr : &at->second;
}

std::optional<std::int64_t> ReadLedger::last_read(const base::PackId& pack, ReadLevel level) const {
  std::optional<std::int64_t> last;
  for (const auto candidate : {ReadLevel::checksums, ReadLevel::contents}) {
    if (candidate < level) continue;
    if (const auto* reading = find(pack, candidate)) {
      last = std::max(last.value_or(reading->seconds), reading->seconds);
    }
  }
  return last ? std::optional(std::min(*last, now_)) : std::nullopt;
}

bool ReadLedger::damaged(const base::PackId& pack) const {
  const auto* contents = find(pack, ReadLevel::contents);
  if (contents != nullptr && contents->result == ReadResult::damaged) return true;
  const auto* checksums = find(pack, ReadLevel::checksums);
  return checksums != nullptr && checksums->result == ReadResult::damaged &&
         (contents == nullptr || contents->seconds <= checksums->seconds);
}

std::vector<PackReading> ReadLedger::readings(
    const std::function<bool(const base::PackId&)>& keeps) const {
  std::vector<PackReading> all;
  for (const auto& [key, reading] : newest_) {
    if (keeps(reading.pack)) all.push_back(reading);
  }
  return all;
}

bool clock_is_possible(Repository& repository) {
  return repository.environment().clock.wall_now().seconds + clock_difference_max >=
         repository.format().created_seconds;
}

StoredReadLedger load_read_ledger(Repository& repository) {
  const auto now = repository.environment().clock.wall_now().seconds;
  for (int attempt = 1;; ++attempt) {
    StoredReadLedger stored{ReadLedger(now), {}, {}};
    const auto names = list_ledger(repository, stored);
    bool all = true;
    storage::get_many(repository.backend(), names, ledger_object_size_max,
                      [&](const std::string& name, const storage::Fetch& fetch) {
                        all = load_object(repository, name, fetch, stored) && all;
                      });
    if (!clock_is_possible(repository)) stored.ledger = ReadLedger(now);
    if (all || attempt == attempts_max) return stored;
  }
}

void add_readings(Repository& repository, storage::Backend& store,
                  std::vector<PackReading> readings) {
  std::ranges::sort(readings, {}, [](const PackReading& reading) {
    return std::pair(reading.pack, reading.level);
  });
  auto& random = repository.environment().random;
  for (std::span<const PackReading> rest = readings; !rest.empty();) {
    const auto part = rest.first(std::min(rest.size(), ledger_readings_max));
    const auto name = make_ledger_name(random);
    const auto object = seal_readings(name, part, repository.id(), repository.keys(), random);
    static_cast<void>(storage::put(store, name, object));
    rest = rest.subspan(part.size());
  }
}

ReadingSummary summarize_readings(const ReadLedger& ledger, std::span<const PackInfo> packs,
                                  ReadLevel level) {
  ReadingSummary summary;
  std::set<base::PackId> seen;
  for (const auto& pack : packs) {
    if (!seen.insert(pack.id).second) continue;
    ++summary.packs;
    summary.bytes += pack.size;
    if (ledger.damaged(pack.id)) ++summary.damaged_packs;
    const auto last = ledger.last_read(pack.id, level);
    if (!last) {
      ++summary.never_packs;
      summary.never_bytes += pack.size;
      continue;
    }
    summary.oldest_seconds = std::min(summary.oldest_seconds.value_or(*last), *last);
    const auto age = ledger.now() - *last;
    if (age <= 7 * day) summary.bytes_7_days += pack.size;
    if (age <= 30 * day) summary.bytes_30_days += pack.size;
    if (age <= 90 * day) summary.bytes_90_days += pack.size;
  }
  return summary;
}

}  // namespace holdfast::repository
