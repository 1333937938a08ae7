#include "check_elsewhere.hpp"

#include "base/error.hpp"
#include "repository/elsewhere.hpp"
#include "repository/stored_objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace holdfast::repository {

using base::Error;

namespace {

/// By the name of the store. A mark that does not open is damage; the pack counts as away for all
/// that, in a store without a name.
std::map<std::string, std::vector<const IndexedPack*>> by_store(
    Repository& repository, const std::vector<const IndexedPack*>& away, CheckFindings& findings) {
  std::map<std::string, std::vector<const IndexedPack*>> stores;
  for (const auto* pack : away) {
    std::string store;
    try {
      store = read_mark(repository, pack->info.id, PackMark::away).store;
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      findings.add(
          mark_object_name(pack->info.id, PackMark::away),
          fmt::format("{}: where its pack is cannot be read; holdfast tier --bring-back looks for "
                      "it in all copies",
                      error.what()));
    }
    stores[store].push_back(pack);
  }
  return stores;
}

}  // namespace

PackPlaces look_elsewhere(Repository& repository, const std::vector<const IndexedPack*>& away,
                          const CheckOptions& options, CheckFindings& findings,
                          CheckReport& report) {
  PackPlaces places;
  for (const auto& [store, packs] : by_store(repository, away, findings)) {
    PacksElsewhere sum{.store = store};
    auto* const backend =
        store.empty() || !options.open_store ? nullptr : options.open_store(store);
    sum.was_looked_at = backend != nullptr;
    const auto there = backend == nullptr ? std::vector<StoredPack>() : list_packs(*backend);
    for (const auto* pack : packs) {
      ++sum.packs;
      sum.bytes += pack->info.size;
      if (backend == nullptr) continue;
      const auto& id = pack->info.id;
      const auto name = pack_object_name(id);
      const auto at = std::ranges::lower_bound(there, id, {}, &StoredPack::id);
      if (at == there.end() || at->id != id) {
        findings.miss_pack(id, name, fmt::format(" in {}, which alone is to have it", store));
      } else if (at->size != pack->info.size) {
        findings.add(name, fmt::format("has {} bytes in {}, {} were written", at->size, store,
                                       pack->info.size));
        places[id] = backend;
      } else if (at->is_archived) {
        ++report.packs_frozen;
        report.bytes_frozen += pack->info.size;
      } else {
        places[id] = backend;
      }
    }
    report.elsewhere.push_back(std::move(sum));
  }
  return places;
}

}  // namespace holdfast::repository
