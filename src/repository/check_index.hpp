#pragma once

#include "base/ids.hpp"
#include "check_findings.hpp"
#include "index_segment.hpp"
#include "pipeline/pack.hpp"
#include "repository/repository.hpp"

#include <stop_token>
#include <vector>

namespace holdfast::repository {

/// What the index segments in the store (not the local cache) say about a pack.
struct IndexedPack {
  PackInfo info;
  base::IndexId index;        // where it is written
  base::Hash directory_hash;  // as hash_directory
  std::uint64_t chunks = 0;
  /// The segments end here.
  std::uint64_t end = 0;
};

/// Equal for equal directories, and only for these.
base::Hash hash_directory(const pipeline::PackDirectory& directory);

/// Opens every index segment. The packs are sorted by id, none twice.
std::vector<IndexedPack> read_indexed_packs(Repository& repository, unsigned threads,
                                            CheckFindings& findings, std::stop_token stopping);
/// The directory of a pack as its index segment has it.
/// Errors: as the store and open_index_segment.
pipeline::PackDirectory directory_from_index(Repository& repository, const IndexedPack& pack);

}  // namespace holdfast::repository
