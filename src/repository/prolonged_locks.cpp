#include "prolonged_locks.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/little_endian.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "crypto/blake3.hpp"
#include "repository/stored_objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

namespace {

/// A pass over very many objects takes long; it is done again when that made it too late.
constexpr int passes_max = 3;
/// Policies of buckets count in days.
constexpr std::int64_t day_seconds = 24L * 3600;
constexpr std::string_view magic = "HFLOCK01";
constexpr std::size_t key_size = 16;
constexpr std::size_t entry_size = key_size + 8;
constexpr std::size_t file_size_max = 256UL * 1024 * 1024;  // eleven million objects

using Key = std::array<std::byte, key_size>;

Key key_of_name(std::string_view name) {
  const auto hash = crypto::blake3(base::as_bytes(name));
  Key key{};
  std::ranges::copy(hash.view().first(key_size), key.begin());
  return key;
}

/// Until when objects of one store are locked, as far as this machine knows. A file that is lost or
/// damaged costs requests. Threads: all calls from any.
class KnownLocks {
public:
  KnownLocks(const std::string& directory, const std::string& store) {
    if (directory.empty()) return;
    const auto hash = crypto::blake3(base::as_bytes(store));
    path_ = directory + "/locks-" + base::to_hex(hash.view().first(key_size / 2));
    directory_ = directory;
    load();
  }

  std::int64_t until(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    const auto at = until_.find(key_of_name(name));
    return at == until_.end() ? 0 : at->second;
  }
  void learn(std::string_view name, base::WallTime until) {
    const std::lock_guard lock(mutex_);
    until_[key_of_name(name)] = until.seconds;
    changed_ = true;
  }

  /// What ended by then is forgotten.
  void save(base::WallTime now) {
    const std::lock_guard lock(mutex_);
    if (path_.empty() || !changed_) return;
    std::erase_if(until_, [&](const auto& entry) { return entry.second < now.seconds; });
    auto bytes = base::copy_of(base::as_bytes(magic));
    for (const auto& [key, seconds] : until_) {
      base::append(bytes, key);
      base::put_le(bytes, static_cast<std::uint64_t>(seconds));
    }
    base::append(bytes, crypto::blake3(bytes).view());
    try {
      base::make_directories(directory_, 0700);
      base::write_cache(path_, bytes, 0600);
    } catch (const Error&) {
      return;  // NOLINT(bugprone-empty-catch): the next run asks the store again
    }
  }

private:
  void load() {
    base::Bytes bytes;
    try {
      bytes = base::read_file(path_, file_size_max);
    } catch (const Error&) {
      return;
    }
    const base::ByteView view = bytes;
    const auto frame = magic.size() + base::Hash::size;
    if (view.size() < frame || (view.size() - frame) % entry_size != 0) return;
    const auto body = view.first(view.size() - base::Hash::size);
    if (!base::as_text(body).starts_with(magic)) return;
    if (!std::ranges::equal(crypto::blake3(body).view(), view.last(base::Hash::size))) return;
    for (auto rest = body.subspan(magic.size()); !rest.empty(); rest = rest.subspan(entry_size)) {
      Key key{};
      std::ranges::copy(rest.first(key_size), key.begin());
      const auto seconds = base::load_le<std::uint64_t>(rest.data() + key_size);
      until_[key] = static_cast<std::int64_t>(seconds);
    }
  }

  std::string directory_;
  std::string path_;
  mutable std::mutex mutex_;
  std::map<Key, std::int64_t> until_;
  bool changed_ = false;
};

/// One look at all objects.
class Pass {
public:
  Pass(const LockKeeping& keeping, storage::ObjectLocks& locks, KnownLocks& known)
      : keeping_(keeping),
        locks_(locks),
        known_(known),
        terms_(locks.terms()),
        began_(keeping.clock.wall_now()) {}

  void run(const TombedPacks& doomed) {
    const auto names = due(doomed);
    const auto threads = std::min<std::size_t>(keeping_.io_threads, names.size());
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      for (auto at = next++; at < names.size(); at = next++)
        prolong(names[at]);
    };
    if (threads <= 1) return work();
    base::TaskGroup group;
    for (std::size_t i = 0; i < threads; ++i)
      group.spawn([&](const std::stop_token&) { work(); });
    group.join();
  }

  /// Whether what was looked at first is still locked for the period.
  bool was_quick() const {
    return keeping_.clock.wall_now().seconds <= began_.seconds + time_for_a_pass();
  }

  LockShortfall shortfall() const { return shortfall_; }

private:
  bool waits_for_the_end() const {
    return terms_.renewal == storage::LockTerms::Renewal::when_over;
  }
  std::int64_t time_for_a_pass() const {
    return waits_for_the_end() ? day_seconds : terms_.slack_seconds / 4;
  }
  base::WallTime wanted() const {
    const auto spare = waits_for_the_end() ? -day_seconds : time_for_a_pass();
    return {began_.seconds + terms_.period_seconds + spare, 0};
  }

  std::vector<std::string> due(const TombedPacks& doomed) {
    std::vector<std::string> names;
    keeping_.backend.list("", [&](const storage::ObjectInfo& object) {
      const auto until = known_.until(object.name);
      if (!is_kept_object(object.name) || until >= wanted().seconds) return;
      const auto pack = pack_of_object(object.name);
      if (pack && doomed.names(*pack)) return;
      if (waits_for_the_end() && until > began_.seconds) {
        note_short({until, 0});
      } else {
        names.push_back(object.name);
      }
    });
    return names;
  }

  void prolong(const std::string& name) {
    try {
      const auto until = locks_.locked_until(name);
      if (until && (waits_for_the_end() || *until >= wanted())) return settle(name, *until);
      const base::WallTime anew{began_.seconds + terms_.period_seconds + terms_.slack_seconds, 0};
      locks_.lock(name, anew);
      settle(name, anew);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::frozen) return note_short(began_);
      // Removed meanwhile: by a prune, which knew that nobody needs it.
      if (error.kind() != ErrorKind::not_found) throw;
    }
  }

  void settle(const std::string& name, base::WallTime until) {
    known_.learn(name, until);
    if (until < wanted()) note_short(until);
  }

  void note_short(base::WallTime until) {
    const std::lock_guard lock(mutex_);
    shortfall_.first = shortfall_.objects == 0 ? until : std::min(shortfall_.first, until);
    ++shortfall_.objects;
  }

  const LockKeeping& keeping_;
  storage::ObjectLocks& locks_;
  KnownLocks& known_;
  const storage::LockTerms terms_;
  const base::WallTime began_;
  std::mutex mutex_;  // guards shortfall_
  LockShortfall shortfall_;
};

}  // namespace

std::string describe(const LockShortfall& shortfall, std::int64_t period_seconds) {
  return fmt::format(
      "{} objects are locked for less than {} from now, the first until {}: they are locked anew "
      "by "
      "the first run after that; extend the retention policy of the bucket for longer locks",
      shortfall.objects, base::format_duration(static_cast<double>(period_seconds)),
      shortfall.first.to_iso());
}

LockShortfall prolong_locks(const LockKeeping& keeping, const TombedPacks& doomed) {
  auto* const locks = keeping.backend.locks();
  if (locks == nullptr || locks->terms().period_seconds == 0) return {};
  KnownLocks known(keeping.cache_directory, locks->identity());
  LockShortfall shortfall;
  for (int passes = 0; passes < passes_max; ++passes) {
    Pass pass(keeping, *locks, known);
    pass.run(doomed);
    known.save(keeping.clock.wall_now());
    shortfall = pass.shortfall();
    if (pass.was_quick()) break;
  }
  return shortfall;
}

}  // namespace holdfast::repository
