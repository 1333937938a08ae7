#include "relied_packs.hpp"

#include "base/error.hpp"
#include "index_segment.hpp"
#include "repository/elsewhere.hpp"
#include "repository/stored_objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

namespace holdfast::repository {

ReliedPacks::ReliedPacks(Repository& repository)
    : repository_(repository),
      tombs_(list_tombs(repository.backend(), repository.id(), repository.keys())),
      tombed_(tombs_) {}

ReliedPacks::Answer ReliedPacks::ask(const base::ChunkId& id) const {
  const auto& index = repository_.index();
  const auto location = index.find(id);
  if (!location) return Answer::unknown;
  if (is_reliable(location->segment.pack)) return Answer::there;
  const auto copies = index.find_copies(id);
  const bool elsewhere = std::ranges::any_of(
      copies, [this](const ChunkLocation& copy) { return is_reliable(copy.segment.pack); });
  return elsewhere ? Answer::there : Answer::doomed;
}

/// An index segment may name a pack that is gone: so the store is asked, once a run. What is not
/// there may be in another store instead, which keeps it for as long as no tomb here names it.
bool ReliedPacks::is_present(const base::PackId& pack) const {
  std::call_once(listed_, [this] {
    for (const auto& stored : list_packs(repository_.backend()))
      present_.push_back(stored.id);
  });
  if (std::ranges::binary_search(present_, pack)) return true;
  std::call_once(marks_listed_, [this] { away_ = list_marked_packs(repository_.backend()).away; });
  return away_.contains(pack);
}

/// Here or elsewhere, by now.
bool ReliedPacks::is_stored(const base::PackId& pack) const {
  return repository_.backend().stat(pack_object_name(pack)) || is_away(repository_.backend(), pack);
}

bool ReliedPacks::is_reliable(std::uint32_t pack) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = reliable_.find(pack); known != reliable_.end()) return known->second;
  }
  const auto id = repository_.index().pack(pack).id;
  // What this run stored came after the listing.
  const bool reliable = !tombed_.contains(id) && (is_present(id) || is_stored(id));
  const std::lock_guard lock(mutex_);
  reliable_[pack] = reliable;
  if (reliable) relied_.push_back(id);
  return reliable;
}

std::vector<std::string> ReliedPacks::tombs_clean_of(
    const std::optional<base::SnapshotId>& parent) const {
  std::vector<std::string> clean;
  for (const auto& tomb : tombs_) {
    // A damaged one counts as naming everything: what this run stores, too.
    if (tomb.damaged) continue;
    if (!parent || tomb.has_considered(*parent)) clean.push_back(tomb.id);
  }
  return clean;
}

TombedPacks ReliedPacks::packs_of(const std::vector<std::string>& tombs) const {
  std::vector<Tomb> named;
  std::ranges::copy_if(tombs_, std::back_inserter(named), [&](const Tomb& tomb) {
    return std::ranges::find(tombs, tomb.id) != tombs.end();
  });
  return TombedPacks(named);
}

void ReliedPacks::validate() const {
  std::set<std::string> known;
  for (const auto& tomb : tombs_)
    known.insert(tomb.id);
  auto tombs = list_tombs(repository_.backend(), repository_.id(), repository_.keys());
  std::erase_if(tombs, [&](const Tomb& tomb) { return known.contains(tomb.id); });
  const TombedPacks tombed(tombs);
  if (tombed.empty()) return;
  const std::lock_guard lock(mutex_);
  for (const auto& pack : relied_) {
    if (!tombed.contains(pack)) continue;
    if (is_stored(pack)) continue;
    throw base::Error(
        base::ErrorKind::conflict,
        fmt::format("{} was deleted while this run relied on it", pack_object_name(pack)))
        .set_hint("run it again: what is missing is stored again");
  }
}

}  // namespace holdfast::repository
