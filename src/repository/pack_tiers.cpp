#include "repository/pack_tiers.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "repository/stored_objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

namespace {

/// A store copies by itself: what is waited for is it.
constexpr std::size_t moves_at_once = 8;
constexpr const char* packs = "packs/";

/// It says something about one pack, not about the store.
bool concerns_one_pack(const Error& error) {
  return error.kind() == ErrorKind::frozen || error.kind() == ErrorKind::conflict ||
         error.kind() == ErrorKind::not_found;
}

}  // namespace

PackTiers survey_tiers(Repository& repository) {
  std::map<base::PackId, pipeline::PackKind> kinds;
  for (const auto& pack : repository.fresh_index().packs())
    kinds.emplace(pack.id, pack.kind);
  PackTiers found;
  const auto take = [&](const storage::TieredObject& object) {
    const auto id = pack_of_object(object.name);
    const auto kind = id ? kinds.find(*id) : kinds.end();
    if (kind == kinds.end()) return;
    if (kind->second == pipeline::PackKind::tree) {
      found.frozen_trees += object.is_archived ? 1 : 0;
      return;
    }
    found.content.push_back(
        {*id, object.size, object.storage_class, object.since, object.is_archived});
  };
  if (auto* const tiers = repository.backend().tiers()) {
    tiers->list(packs, take);
  } else {
    repository.backend().list(packs, [&](const storage::ObjectInfo& object) {
      take({.name = object.name, .size = object.size, .since = object.since});
    });
  }
  std::ranges::sort(found.content, {}, &ContentPack::id);
  return found;
}

MoveReport move_packs(storage::Backend& backend, std::span<const PackMove> moves,
                      base::ProgressObserver& progress, const std::stop_token& stopping) {
  if (moves.empty()) return {};
  HF_ASSERT(backend.tiers() != nullptr, "only rules of a bucket name classes");
  MoveReport report;
  base::Progress now;
  now.phase = "tier";
  now.items_total = moves.size();
  for (const auto& move : moves)
    now.bytes_total += move.size;
  std::mutex mutex;  // guards both
  std::atomic<std::size_t> next = 0;
  const auto work = [&](const std::stop_token& token) {
    for (auto at = next++; at < moves.size(); at = next++) {
      base::check_cancelled(token);
      const auto& move = moves[at];
      const auto name = pack_object_name(move.id);
      bool moved = false;
      std::string problem;
      try {
        moved = backend.tiers()->move(name, move.to);
      } catch (const Error& error) {
        if (!concerns_one_pack(error)) throw;
        problem = error.what();
      }
      const std::lock_guard lock(mutex);
      if (moved) ++report.packs;
      if (moved) report.bytes += move.size;
      if (!problem.empty()) report.problems.push_back({name, problem});
      ++now.items_done;
      now.bytes_done += move.size;
      progress.on_progress(now);
    }
  };
  base::TaskGroup group(stopping);
  for (std::size_t i = 0; i < std::min(moves_at_once, moves.size()); ++i)
    group.spawn(work);
  group.join();
  return report;
}

}  // namespace holdfast::repository
