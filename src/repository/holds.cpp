#include "repository/holds.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "collection_object.hpp"
#include "reach.hpp"
#include "repository/stored_objects.hpp"
#include "wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <functional>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;
using storage::ObjectLocks;

namespace {

constexpr std::size_t hold_size_max = 64UL * 1024;

std::string object_name(const base::SnapshotId& id) { return std::string(hold_prefix) + id.hex(); }

ObjectLocks* locks_of(Repository& repository) {
  auto* const locks = repository.backend().locks();
  if (locks == nullptr) return nullptr;
  const auto terms = locks->terms();
  const bool by_object = terms.renewal == storage::LockTerms::Renewal::at_any_time;
  return terms.period_seconds > 0 && by_object ? locks : nullptr;
}

std::string reason_of(Repository& repository, const base::SnapshotId& id) {
  if (!repository.keys().can(Ability::search_index))
    return "for a reason that this key cannot read";
  const auto name = object_name(id);
  try {
    const auto object = storage::get(repository.backend(), name, hold_size_max);
    const auto text =
        open_collection_object(hold_kind, name, object, repository.id(), repository.keys());
    return decode_hold(text).reason;
  } catch (const Error& error) {
    const bool is_damage =
        error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::wrong_key;
    if (is_damage) return "for a reason that cannot be read";
    if (error.kind() != ErrorKind::not_found) throw;
    return "";  // released meanwhile
  }
}

/// What the trees of some snapshots need, as sorted keys.
std::vector<std::uint64_t> needed_keys(Repository& repository,
                                       const std::vector<Snapshot>& snapshots) {
  PageReferences roots;
  for (const auto& snapshot : snapshots) {
    for (const auto& item : snapshot.items)
      add_references(item.root, roots);
  }
  std::vector<std::uint64_t> pages;
  for (const auto& page : roots.pages)
    pages.push_back(key_of(page));
  ReachGraph graph(repository.backend(), repository.id(), repository.keys());
  graph.load();
  if (!graph.mark(pages).empty()) {
    throw Error(ErrorKind::conflict, "what a held snapshot needs is described nowhere")
        .set_hint("run holdfast prune once, which reads and describes it, and try again");
  }
  KeySet keys;
  for (const auto& chunk : roots.contents)
    keys.add(key_of(chunk));
  graph.collect(keys);
  return keys.take();
}

}  // namespace

std::set<base::PackId> packs_needed_by(Repository& repository,
                                       const std::vector<Snapshot>& snapshots) {
  const auto keys = needed_keys(repository, snapshots);
  const auto& index = repository.fresh_index();
  std::set<std::uint32_t> numbers;
  index.for_each_in_pack([&](const base::ChunkId& id, std::uint32_t pack, std::uint32_t) {
    if (std::ranges::binary_search(keys, key_of(id))) numbers.insert(pack);
  });
  std::set<base::PackId> packs;
  for (const auto number : numbers)
    packs.insert(index.pack(number).id);
  return packs;
}

namespace {

/// The objects in the store without which these snapshots cannot be restored.
std::set<std::string> objects_of(Repository& repository, const std::set<base::SnapshotId>& ids) {
  if (ids.empty()) return {};
  std::vector<Snapshot> snapshots;
  std::set<std::string> own;
  for (const auto& id : ids) {
    if (!repository.snapshots().exists(id)) continue;
    snapshots.push_back(repository.snapshots().load(id));
    own.insert(std::string(snapshot_prefix) + id.hex());
  }
  for (const auto& pack : packs_needed_by(repository, snapshots))
    own.insert(pack_object_name(pack));
  const auto is_of_some = [](const std::string& name) {
    return pack_of_object(name) || name.starts_with(snapshot_prefix) ||
           name.starts_with(deletion_prefix);
  };
  std::set<std::string> objects;
  repository.backend().list("", [&](const storage::ObjectInfo& object) {
    const bool is_of_all = is_kept_object(object.name) && !is_of_some(object.name);
    if (is_of_all || own.contains(object.name)) objects.insert(object.name);
  });
  return objects;
}

/// Does something to many objects of a store at a time.
void for_all(Repository& repository, const std::set<std::string>& names,
             const std::stop_token& stopping, const std::function<void(const std::string&)>& work) {
  const std::vector<std::string> all(names.begin(), names.end());
  std::atomic<std::size_t> next = 0;
  const auto run = [&](const std::stop_token& ending) {
    for (auto at = next++; at < all.size() && !ending.stop_requested(); at = next++) {
      try {
        work(all[at]);
      } catch (const Error& error) {
        // Removed meanwhile by a prune, which wrote anew what is needed of it.
        if (error.kind() != ErrorKind::not_found) throw;
      }
    }
  };
  base::TaskGroup group(stopping);
  const auto threads = std::min<std::size_t>(repository.environment().io_threads, all.size());
  for (std::size_t i = 0; i < threads; ++i)
    group.spawn(run);
  group.join();
  base::check_cancelled(stopping);
}

HeldObjects hold_objects(Repository& repository, const std::set<base::SnapshotId>& ids,
                         const std::stop_token& stopping) {
  auto* const locks = locks_of(repository);
  if (locks == nullptr || ids.empty()) return {};
  locks->expect_enforced();
  const auto names = objects_of(repository, ids);
  for_all(repository, names, stopping, [&](const std::string& name) { locks->hold(name); });
  return {true, names.size()};
}

}  // namespace

std::set<base::SnapshotId> held_snapshots(storage::Backend& backend) {
  std::set<base::SnapshotId> ids;
  backend.list(std::string(hold_prefix), [&](const storage::ObjectInfo& object) {
    const auto hex = std::string_view(object.name).substr(hold_prefix.size());
    const bool is_id = hex.size() == 2 * base::SnapshotId::size &&
                       hex.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    if (is_id) ids.insert(base::SnapshotId::from_hex(hex));
  });
  return ids;
}

void note_holds(Repository& repository, std::vector<Snapshot>& snapshots) {
  const auto held = held_snapshots(repository.backend());
  for (auto& snapshot : snapshots) {
    if (!snapshot.hold.empty() || !held.contains(snapshot.id)) continue;
    snapshot.hold = reason_of(repository, snapshot.id);
  }
}

HeldObjects hold_snapshot(Repository& repository, const base::SnapshotId& id,
                          const std::string& reason, const std::stop_token& stopping) {
  repository.keys().require(Ability::maintain);
  if (reason.empty() || reason.size() > hold_reason_size_max) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("a reason has 1 to {} bytes", hold_reason_size_max));
  }
  const auto& environment = repository.environment();
  const auto name = object_name(id);
  const auto object =
      seal_collection_object(hold_kind, name, encode_hold({environment.clock.wall_now(), reason}),
                             repository.id(), repository.keys(), environment.random);
  static_cast<void>(storage::put(repository.backend(), name, object));
  // Looked at after the hold is there: who forgets looks for holds first.
  if (!repository.snapshots().exists(id)) {
    static_cast<void>(repository.backend().remove(name));
    throw Error(ErrorKind::conflict,
                fmt::format("snapshot {} was forgotten meanwhile", id.short_hex()))
        .set_hint("its packs may still be there: hold another snapshot, and look at copies");
  }
  return hold_objects(repository, {id}, stopping);
}

HeldObjects release_snapshot(Repository& repository, const base::SnapshotId& id,
                             const std::stop_token& stopping) {
  repository.keys().require(Ability::maintain);
  auto others = held_snapshots(repository.backend());
  if (others.erase(id) == 0) {
    throw Error(ErrorKind::not_found, fmt::format("snapshot {} is not held", id.short_hex()));
  }
  HeldObjects released;
  if (auto* const locks = locks_of(repository)) {
    auto names = objects_of(repository, {id});
    for (const auto& needed : objects_of(repository, others))
      names.erase(needed);
    for_all(repository, names, stopping, [&](const std::string& name) { locks->release(name); });
    // Whose they were is not known any more.
    if (others.empty()) locks->release_removed();
    released = {true, names.size()};
  }
  static_cast<void>(repository.backend().remove(object_name(id)));
  return released;
}

void renew_holds(Repository& repository, const std::stop_token& stopping) {
  if (locks_of(repository) == nullptr) return;
  static_cast<void>(hold_objects(repository, held_snapshots(repository.backend()), stopping));
}

base::Bytes encode_hold(const Hold& hold) {
  base::Bytes text;
  WireWriter writer(text);
  writer.signed_number(1, hold.since.seconds);
  writer.text(2, hold.reason);
  return text;
}

Hold decode_hold(base::ByteView text) {
  WireReader reader(text, "a hold");
  Hold hold;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        hold.since.seconds = reader.signed_number();
        break;
      case 2:
        hold.reason = reader.text();
        break;
      default:
        reader.unknown_field();
    }
  }
  if (hold.reason.empty()) reader.corrupt("it says no reason");
  if (hold.reason.size() > hold_reason_size_max) reader.corrupt("its reason is too long");
  return hold;
}

}  // namespace holdfast::repository
