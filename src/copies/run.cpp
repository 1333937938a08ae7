#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "copies/copy.hpp"
#include "repository/copy_lease.hpp"
#include "repository/elsewhere.hpp"
#include "repository/format_object.hpp"
#include "repository/read_ledger.hpp"
#include "repository/reader_lease.hpp"
#include "repository/snapshot.hpp"
#include "send.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>

namespace holdfast::copies {

using base::Error;
using base::ErrorKind;
using repository::Repository;
using repository::StoredPack;
using storage::Backend;

namespace {

constexpr int passes_max = 5;
/// A sealed record of a snapshot has at most 16 MiB.
constexpr std::size_t record_size_max = 17UL * 1024 * 1024;

class Run {
public:
  Run(Repository& source, Backend& copy, const CopyOptions& options,
      base::ProgressObserver& progress, const std::stop_token& stopping)
      : source_(source), copy_(copy), options_(options), progress_(progress), stopping_(stopping) {}

  CopyReport run() {
    // Nothing that is listed below is deleted here, nor there what was sent, before this ends.
    const repository::ReaderLease reading(source_, "copy");
    begin_repository();
    repository::CopyLease lease(source_, copy_);
    auto plan = plan_copy(source_, copy_);
    send_packs(plan, lease);
    // A prune may put new index segments in the place of those that were listed.
    for (int pass = 1; !send_objects(plan); ++pass) {
      if (pass == passes_max) throw_restless();
      plan = plan_copy(source_, copy_);
      send_packs(plan, lease);
    }
    send_records(plan, lease);
    remove_forgotten(plan);
    if (options_.remove_slots) remove_slots(plan);
    repository::add_readings(source_, copy_, std::move(readings_));
    return std::move(report_);
  }

private:
  /// The format and what opens it: without these nothing else in the copy means anything.
  void begin_repository() {
    const auto plan = plan_copy(source_, copy_);
    for (const auto& name : plan.objects) {
      if (is_beginning(name)) static_cast<void>(send_object(name));
    }
  }
  static bool is_beginning(const std::string& name) {
    const auto formats = repository::format_names();
    return std::ranges::find(formats, name) != formats.end() ||
           name.starts_with(repository::slot_prefix) || name.starts_with(repository::epoch_prefix);
  }

  void send_packs(const CopyPlan& plan, const repository::CopyLease& lease) {
    packs_ = plan.packs.size();
    bytes_ = plan.pack_bytes();
    tell();
    send_from_elsewhere(plan, lease);
    std::atomic<std::size_t> next = 0;
    base::TaskGroup group(stopping_);
    const auto threads = std::min<std::size_t>(std::max(options_.streams, 1U), plan.packs.size());
    for (std::size_t i = 0; i < threads; ++i) {
      group.spawn([&](const std::stop_token& token) {
        for (auto at = next++; at < plan.packs.size(); at = next++) {
          base::check_cancelled(token);
          send_pack_of(source_.backend(), plan.packs[at], lease, token);
        }
      });
    }
    group.join();
  }

  /// What the repository gave up comes from the store that keeps it.
  void send_from_elsewhere(const CopyPlan& plan, const repository::CopyLease& lease) {
    for (const auto& pack : plan.away) {
      base::check_cancelled(stopping_);
      const auto name = repository::pack_object_name(pack.id);
      const auto mark = repository::find_mark(source_, pack.id, repository::PackMark::away);
      const auto store = mark ? mark->store : std::string("another store");
      auto* const from = mark && options_.open_store ? options_.open_store(store) : nullptr;
      // It may be the very store that is brought up to date.
      if (from == nullptr || !from->stat(name)) {
        note(name, fmt::format("is kept in {} only, which {}", base::printable(store),
                               from == nullptr ? "is not at hand" : "has lost it"));
        continue;
      }
      send_pack_of(*from, pack, lease, stopping_);
    }
  }

  void send_pack_of(Backend& from, const StoredPack& pack, const repository::CopyLease& lease,
                    const std::stop_token& token) {
    const auto name = repository::pack_object_name(pack.id);
    if (lease.is_doomed(pack.id)) {
      throw Error(
          ErrorKind::conflict,
          fmt::format("a prune of {} means to delete {}, which is needed", copy_.describe(), name))
          .set_hint(fmt::format("let it end (holdfast prune --repo {}), then copy again",
                                copy_.describe()));
    }
    const bool was_broken = drop_if_broken(from, pack, name);
    auto outcome = send_pack(from, copy_, pack, token);
    const bool sent = outcome == Outcome::sent || outcome == Outcome::mended;
    // Who read what was broken says nothing of what comes in its place.
    const bool reads_back = options_.read_back || was_broken;
    if (sent && reads_back && !comes_back(pack, token)) {
      note_reading(pack, repository::ReadResult::damaged);
      note(name, fmt::format("does not come back from {} as it was sent", copy_.describe()));
      return;
    }
    count_pack(pack, name, outcome);
  }
  bool comes_back(const StoredPack& pack, const std::stop_token& token) {
    try {
      if (!pack_is_whole(copy_, pack, token)) return false;
      note_reading(pack, repository::ReadResult::whole);
    } catch (const Error& error) {
      // Nobody asked for it, and it can be read after a thaw only.
      if (options_.read_back || error.kind() != ErrorKind::frozen) throw;
    }
    return true;
  }
  void note_reading(const StoredPack& pack, repository::ReadResult result) {
    const auto now = source_.environment().clock.wall_now().seconds;
    const std::lock_guard lock(mutex_);
    readings_.push_back({pack.id, repository::ReadLevel::checksums, result, now});
  }

  /// What has another size is no whole copy of the pack; here it is whole, or can be made so.
  /// True when it was.
  bool drop_if_broken(Backend& from, const StoredPack& pack, const std::string& name) {
    const auto there = copy_.stat(name);
    if (!there || there->size == pack.size || pack.is_archived) return false;
    if (!pack_is_whole(from, pack, stopping_)) return false;
    static_cast<void>(copy_.remove(name));
    return true;
  }

  void count_pack(const StoredPack& pack, const std::string& name, Outcome outcome) {
    {
      const std::lock_guard lock(mutex_);
      ++packs_done_;
      bytes_done_ += pack.size;
      if (outcome == Outcome::sent || outcome == Outcome::mended) {
        ++report_.packs_sent;
        report_.bytes_sent += pack.size;
        if (outcome == Outcome::mended) ++report_.packs_mended;
      }
    }
    if (outcome == Outcome::damaged) note_damage(name);
    if (outcome == Outcome::frozen) {
      note(name,
           "must be thawed before it can be copied: holdfast restore --thaw of a snapshot "
           "that needs it, then copy again");
    }
    // The lease of this run keeps packs: somebody removed it by hand.
    if (outcome == Outcome::gone) note(name, "went from the repository while it was copied");
    tell();
  }

  /// False when one of them was replaced meanwhile.
  bool send_objects(const CopyPlan& plan) {
    bool all = true;
    for (const auto& name : plan.objects) {
      base::check_cancelled(stopping_);
      all = send_object(name) != Outcome::gone && all;
    }
    return all;
  }
  Outcome send_object(const std::string& name) {
    const auto outcome = send_envelope(source_.backend(), copy_, name);
    if (outcome == Outcome::sent) ++report_.objects_sent;
    if (outcome == Outcome::damaged) note_damage(name);
    return outcome;
  }
  [[noreturn]] void throw_restless() const {
    throw Error(ErrorKind::conflict, fmt::format("{} changed each time its index was copied",
                                                 source_.backend().describe()))
        .set_hint("copy again when no prune is under way");
  }

  void send_records(const CopyPlan& plan, repository::CopyLease& lease) {
    const auto last = plan.snapshots.empty() ? std::string() : snapshot_name(plan.snapshots.back());
    for (const auto& name : plan.records) {
      base::check_cancelled(stopping_);
      // One that is gone was forgotten a moment ago: the next run says so there too.
      if (name != last) static_cast<void>(send_object(name));
    }
    if (plan.snapshots.empty()) return;
    const auto warning =
        lease.commit(plan.snapshots.back(), storage::get(source_.backend(), last, record_size_max));
    if (!warning.empty()) progress_.on_warning(copy_.describe() + ": " + warning);
    ++report_.objects_sent;
    report_.snapshots_sent = plan.snapshots;
  }
  static std::string snapshot_name(const base::SnapshotId& id) {
    return std::string(repository::snapshot_prefix) + id.hex();
  }

  void remove_forgotten(const CopyPlan& plan) {
    for (const auto& id : plan.forgotten) {
      if (copy_.remove(snapshot_name(id)) != storage::RemoveOutcome::was_absent) {
        ++report_.snapshots_removed;
      }
    }
  }
  void remove_slots(const CopyPlan& plan) {
    for (const auto& name : plan.removed_slots) {
      if (copy_.remove(name) != storage::RemoveOutcome::was_absent) ++report_.slots_removed;
    }
  }

  void note_damage(const std::string& name) {
    note(name, "is damaged in the repository, and was not sent");
  }
  void note(const std::string& name, const std::string& message) {
    const std::lock_guard lock(mutex_);
    report_.problems.push_back({name, message});
  }

  void tell() {
    base::Progress now;
    now.phase = "copy";
    {
      const std::lock_guard lock(mutex_);
      now.items_done = packs_done_;
      now.bytes_done = bytes_done_;
    }
    now.items_total = packs_;
    now.bytes_total = bytes_;
    progress_.on_progress(now);
  }

  Repository& source_;
  Backend& copy_;
  const CopyOptions& options_;
  base::ProgressObserver& progress_;
  const std::stop_token& stopping_;
  std::uint64_t packs_ = 0;
  std::uint64_t bytes_ = 0;
  std::mutex mutex_;  // guards what follows
  std::uint64_t packs_done_ = 0;
  std::uint64_t bytes_done_ = 0;
  CopyReport report_;
  std::vector<repository::PackReading> readings_;
};

}  // namespace

CopyReport run_copy(Repository& source, Backend& copy, const CopyOptions& options,
                    base::ProgressObserver& progress, const std::stop_token& stopping) {
  return Run(source, copy, options, progress, stopping).run();
}

}  // namespace holdfast::copies
