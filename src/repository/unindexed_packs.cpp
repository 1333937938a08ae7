#include "unindexed_packs.hpp"

#include "base/error.hpp"
#include "check_findings.hpp"
#include "pack_salvage.hpp"
#include "repository/stored_objects.hpp"
#include "stored_pack.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace holdfast::repository {

using base::Error;

namespace {

/// Directories that are in memory at a time: each has a few thousand chunks.
constexpr std::size_t packs_at_once = 256;

std::optional<pipeline::PackDirectory> directory_of(Repository& repository,
                                                    const StoredPack& pack) {
  auto& backend = repository.backend();
  try {
    const auto header = read_pack_header(backend, pack.id);
    const auto trailer = read_pack_trailer(backend, pack.id, pack.size);
    return read_pack_directory(backend, repository.keys().pack_write_keys(repository.id()), header,
                               trailer, pack.size);
  } catch (const Error& error) {
    if (error.kind() == base::ErrorKind::frozen) return std::nullopt;  // none of ours is so young
    if (!is_damage(error)) throw;
  }
  try {
    return PackSalvage(repository, {}, pack.id, pack.size).directory();
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    return std::nullopt;
  }
}

}  // namespace

std::size_t add_unindexed_packs(Repository& repository, Index& index) {
  const auto named = index.packs();
  std::vector<pipeline::PackDirectory> batch;
  std::size_t found = 0;
  const auto add = [&] {
    // The id names nothing in the store, so that no other process takes it for an index segment.
    if (!batch.empty()) index.add(repository.environment().random.id<base::IndexId>(), batch);
    found += batch.size();
    batch.clear();
  };
  for (const auto& pack : list_packs(repository.backend())) {
    if (std::ranges::binary_search(named, pack.id, {}, &PackInfo::id)) continue;
    auto directory = directory_of(repository, pack);
    if (!directory || directory->segments.empty()) continue;
    batch.push_back(std::move(*directory));
    if (batch.size() == packs_at_once) add();
  }
  add();
  return found;
}

}  // namespace holdfast::repository
