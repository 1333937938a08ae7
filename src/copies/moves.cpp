#include "copies/moves.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "repository/copy_lease.hpp"
#include "repository/elsewhere.hpp"
#include "repository/read_ledger.hpp"
#include "send.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::copies {

using base::Error;
using base::ErrorKind;
using repository::Elsewhere;
using repository::PackMark;
using repository::Repository;
using repository::StoredPack;
using storage::Backend;

namespace {

const StoredPack* find(const std::vector<StoredPack>& packs, const base::PackId& id) {
  const auto at = std::ranges::lower_bound(packs, id, {}, &StoredPack::id);
  return at != packs.end() && at->id == id ? &*at : nullptr;
}

/// What both ways share. Prunes of both stores wait for it.
class Moving {
public:
  Moving(Repository& source, Backend& copy, const std::string& store,
         base::ProgressObserver& progress)
      : source_(source),
        copy_(copy),
        store_(store),
        progress_(progress),
        here_(source, source.backend(), "tier"),
        there_(source, copy, "tier"),
        packs_there_(repository::list_packs(copy)) {}

protected:
  Elsewhere what() const { return {source_.environment().clock.wall_now(), store_}; }
  void note(const StoredPack& pack, const std::string& message) {
    report_.problems.push_back({repository::pack_object_name(pack.id), message});
  }
  void count(const StoredPack& pack) {
    ++report_.packs;
    report_.bytes += pack.size;
  }
  void tell(std::uint64_t done, std::uint64_t total) {
    base::Progress now;
    now.phase = "tier";
    now.items_done = done;
    now.items_total = total;
    now.bytes_done = report_.bytes;
    progress_.on_progress(now);
  }

  Repository& source_;
  Backend& copy_;
  const std::string store_;
  base::ProgressObserver& progress_;
  repository::CopyLease here_;
  repository::CopyLease there_;  // and then what it has, which stays for as long
  const std::vector<StoredPack> packs_there_;
  MovesReport report_;
};

/// A pack is verified there, marked here, kept there, and only then removed here: at each point it
/// is here, or there with both marks.
class MoveAway : Moving {
public:
  MoveAway(Repository& source, Repository& copy, const std::string& store,
           base::ProgressObserver& progress)
      : Moving(source, copy.backend(), store, progress),
        ledger_(repository::load_read_ledger(copy).ledger) {}

  MovesReport run(std::span<const StoredPack> packs, const std::stop_token& stopping) {
    for (std::size_t i = 0; i < packs.size(); ++i) {
      base::check_cancelled(stopping);
      tell(i, packs.size());
      move(packs[i], stopping);
    }
    repository::add_readings(source_, copy_, std::move(readings_));
    return std::move(report_);
  }

private:
  void move(const StoredPack& pack, const std::stop_token& stopping) {
    const auto* const there = find(packs_there_, pack.id);
    if (there == nullptr || there->size != pack.size || there_.is_doomed(pack.id)) {
      ++report_.packs_lacking;
      return;
    }
    // Whoever may be about to delete it here decided that before this began.
    if (here_.is_doomed(pack.id)) return;
    const auto before = find_mark(source_, pack.id, PackMark::away);
    if (before && before->store != store_) {
      return note(pack, fmt::format("is on its way to {}: holdfast tier --bring-back takes it back",
                                    base::printable(before->store)));
    }
    if (!is_verified(*there, stopping)) return;
    put_mark(source_, source_.backend(), pack.id, PackMark::away, what());
    put_mark(source_, copy_, pack.id, PackMark::kept, what());
    // A prune that begins from here on finds the mark. One that did not wait for the lease may have
    // looked before.
    there_.expect_held();
    here_.expect_held();
    const auto stored = copy_.stat(repository::pack_object_name(pack.id));
    if (!stored || stored->size != pack.size) {
      throw Error(ErrorKind::conflict,
                  fmt::format("{} lost {} while it was looked at", copy_.describe(),
                              repository::pack_object_name(pack.id)))
          .set_hint("look after the copy: holdfast copy, then check it");
    }
    static_cast<void>(source_.backend().remove(repository::pack_object_name(pack.id)));
    count(pack);
  }

  bool is_verified(const StoredPack& there, const std::stop_token& stopping) {
    using repository::ReadLevel;
    const bool was_read = ledger_.last_read(there.id, ReadLevel::checksums).has_value();
    if (was_read && !ledger_.damaged(there.id) &&
        (there.is_archived || packs_agree(source_.backend(), copy_, there))) {
      return true;
    }
    if (there.is_archived) {
      note(there, fmt::format("is frozen in {}, and was never read back there: holdfast copy "
                              "--read-back, into a class that can be read",
                              base::printable(store_)));
      return false;
    }
    const bool whole =
        packs_agree(source_.backend(), copy_, there) && pack_is_whole(copy_, there, stopping);
    readings_.push_back({there.id, ReadLevel::checksums,
                         whole ? repository::ReadResult::whole : repository::ReadResult::damaged,
                         source_.environment().clock.wall_now().seconds});
    if (!whole) {
      note(there, fmt::format("is not in {} as it was sent: holdfast check --read-data --repo of "
                              "it says more",
                              base::printable(store_)));
    }
    return whole;
  }

  const repository::ReadLedger ledger_;
  std::vector<repository::PackReading> readings_;
};

/// A pack is stored here first; then its marks go, here before there.
class BringBack : Moving {
public:
  using Moving::Moving;

  MovesReport run(bool any, const std::stop_token& stopping) {
    const auto away = repository::list_marked_packs(source_.backend()).away;
    std::uint64_t done = 0;
    for (const auto& id : away) {
      base::check_cancelled(stopping);
      tell(done++, away.size());
      const auto mark = find_mark(source_, id, PackMark::away);
      if (mark && mark->store != store_ && !any) continue;
      if (here_.is_doomed(id)) continue;
      bring(id, mark.value_or(what()), stopping);
    }
    settle_released(source_, copy_, store_);
    return std::move(report_);
  }

private:
  void bring(const base::PackId& id, const Elsewhere& mark, const std::stop_token& stopping) {
    if (!source_.backend().stat(repository::pack_object_name(id)) && !fetch(id, stopping)) return;
    put_mark(source_, source_.backend(), id, PackMark::released, mark);
    repository::remove_mark(source_.backend(), id, PackMark::away);
  }

  bool fetch(const base::PackId& id, const std::stop_token& stopping) {
    const auto* const there = find(packs_there_, id);
    if (there == nullptr) {
      ++report_.packs_lacking;
      return false;
    }
    switch (send_pack(copy_, source_.backend(), *there, stopping)) {
      case Outcome::sent:
      case Outcome::mended:
      case Outcome::was_there:
        count(*there);
        return true;
      case Outcome::frozen:
        note(*there,
             "must be thawed first: holdfast restore --thaw of a snapshot that needs it, "
             "then bring it back");
        return false;
      case Outcome::damaged:
        note(*there, "is damaged there: name another copy that has it");
        return false;
      case Outcome::gone:
        ++report_.packs_lacking;
        return false;
    }
    return false;
  }
};

}  // namespace

MovesReport move_away(Repository& source, Repository& copy, const std::string& store,
                      std::span<const StoredPack> packs, base::ProgressObserver& progress,
                      const std::stop_token& stopping) {
  source.keys().require(repository::Ability::maintain);
  settle_released(source, copy.backend(), store);
  return MoveAway(source, copy, store, progress).run(packs, stopping);
}

MovesReport bring_back(Repository& source, Backend& copy, const std::string& store, bool any,
                       base::ProgressObserver& progress, const std::stop_token& stopping) {
  source.keys().require(repository::Ability::maintain);
  return BringBack(source, copy, store, progress).run(any, stopping);
}

void settle_released(Repository& source, Backend& copy, const std::string& store) {
  const auto here = repository::list_marked_packs(source.backend());
  if (here.released.empty()) return;
  const auto kept = repository::list_marked_packs(copy).kept;
  for (const auto& id : here.released) {
    // What went away again is kept again.
    if (!here.away.contains(id)) {
      const auto mark = find_mark(source, id, PackMark::released);
      if (!kept.contains(id) && (!mark || mark->store != store)) continue;
      repository::remove_mark(copy, id, PackMark::kept);
    }
    repository::remove_mark(source.backend(), id, PackMark::released);
  }
}

}  // namespace holdfast::copies
