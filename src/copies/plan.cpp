#include "base/error.hpp"
#include "copies/copy.hpp"
#include "repository/elsewhere.hpp"
#include "repository/format_object.hpp"
#include "repository/snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace holdfast::copies {

using base::Error;
using base::ErrorKind;
using repository::Repository;
using repository::StoredPack;
using storage::Backend;

namespace {

std::set<std::string> names_below(Backend& store, std::string_view prefix) {
  std::set<std::string> names;
  store.list(std::string(prefix),
             [&](const storage::ObjectInfo& object) { names.insert(object.name); });
  return names;
}

/// Whether a repository is there, which must then be this one.
bool expect_same_repository(const Repository& source, Backend& copy) {
  try {
    const auto there = repository::load_format(copy);
    if (there.id == source.id()) return true;
    throw Error(ErrorKind::conflict, fmt::format("another repository is at {}", copy.describe()))
        .set_hint("a copy needs a place of its own: choose another one");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    return false;
  }
}

/// What the index names and the store has. When a part of the index does not open, all packs.
std::vector<StoredPack> packs_of(Repository& source) {
  auto stored = repository::list_packs(source.backend());
  auto& index = source.fresh_index();
  if (!index.damaged().empty()) return stored;
  std::set<base::PackId> named;
  for (const auto& pack : index.packs())
    named.insert(pack.id);
  std::erase_if(stored, [&](const StoredPack& pack) { return !named.contains(pack.id); });
  return stored;
}

bool has(const std::vector<StoredPack>& packs, const base::PackId& id) {
  return std::ranges::binary_search(packs, id, {}, &StoredPack::id);
}

void plan_packs(Repository& source, const std::vector<StoredPack>& there, CopyPlan& plan) {
  for (const auto& pack : packs_of(source)) {
    const auto at = std::ranges::lower_bound(there, pack.id, {}, &StoredPack::id);
    const bool known = at != there.end() && at->id == pack.id;
    if (known && at->size == pack.size) continue;
    if (known) plan.broken_packs.push_back(repository::pack_object_name(pack.id));
    plan.packs.push_back(pack);
  }
  // Listed after those there: a pack that is nowhere here went before, and never comes back.
  const auto here = repository::list_packs(source.backend());
  const auto away = repository::list_marked_packs(source.backend()).away;
  for (const auto& pack : there) {
    if (!has(here, pack.id) && !away.contains(pack.id)) plan.superfluous.push_back(pack);
  }
  for (const auto& pack : source.index().packs()) {
    if (away.contains(pack.id) && !has(here, pack.id) && !has(there, pack.id)) {
      plan.away.push_back({pack.id, pack.size});
    }
  }
}

void plan_objects(Repository& source, Backend& copy, std::string_view prefix, CopyPlan& plan) {
  const auto there = names_below(copy, prefix);
  for (const auto& name : names_below(source.backend(), prefix)) {
    if (!there.contains(name)) plan.objects.push_back(name);
  }
}

/// Records in the order of their chains, so that the copy never shows a gap.
void plan_records(Repository& source, Backend& copy, CopyPlan& plan) {
  const auto prefix = std::string(repository::snapshot_prefix);
  auto there = names_below(copy, prefix);
  for (const auto& name : names_below(copy, repository::deletion_prefix))
    there.insert(name);
  std::multimap<std::uint64_t, std::pair<std::string, std::optional<base::SnapshotId>>> records;
  std::set<base::SnapshotId> forgotten;
  std::set<base::SnapshotId> here;
  // Records that do not open are not sent; check names them.
  const auto ignore = [](const std::string&, const std::string&) {};
  for (const auto& snapshot : source.snapshots().list(ignore)) {
    here.insert(snapshot.id);
    records.insert({snapshot.sequence, {prefix + snapshot.id.hex(), snapshot.id}});
  }
  for (const auto& deletion : source.snapshots().deletions(ignore)) {
    for (const auto& deleted : deletion.deleted)
      forgotten.insert(deleted.id);
    records.insert({deletion.sequence,
                    {std::string(repository::deletion_prefix) + deletion.id.hex(), std::nullopt}});
  }
  for (const auto& [sequence, record] : records) {
    if (there.contains(record.first)) continue;
    plan.records.push_back(record.first);
    if (record.second) plan.snapshots.push_back(*record.second);
  }
  for (const auto& name : there) {
    if (!name.starts_with(prefix)) continue;
    const auto id = base::SnapshotId::from_hex(std::string_view(name).substr(prefix.size()));
    if (forgotten.contains(id)) {
      plan.forgotten.push_back(id);
    } else if (!here.contains(id)) {
      plan.only_there.push_back(id);
    }
  }
}

}  // namespace

std::uint64_t CopyPlan::pack_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& pack : packs)
    bytes += pack.size;
  return bytes;
}

CopyPlan plan_copy(Repository& source, Backend& copy) {
  source.keys().require(repository::Ability::search_index);
  CopyPlan plan;
  plan.is_new = !expect_same_repository(source, copy);
  const auto there = repository::list_packs(copy);
  for (const auto& name : repository::format_names()) {
    if (!copy.stat(name) && source.backend().stat(name)) plan.objects.push_back(name);
  }
  plan_objects(source, copy, repository::slot_prefix, plan);
  plan_objects(source, copy, repository::epoch_prefix, plan);
  const auto slots = names_below(source.backend(), repository::slot_prefix);
  for (const auto& name : names_below(copy, repository::slot_prefix)) {
    if (!slots.contains(name)) plan.removed_slots.push_back(name);
  }
  // Records are listed before the index and that before packs: what a record needs is found then.
  plan_records(source, copy, plan);
  plan_objects(source, copy, repository::reach_prefix, plan);
  plan_objects(source, copy, repository::index_prefix, plan);
  plan_packs(source, there, plan);
  return plan;
}

}  // namespace holdfast::copies
