// What the snapshots need, pack by pack.
#pragma once

#include "base/ids.hpp"
#include "base/progress.hpp"
#include "pipeline/pack.hpp"
#include "reach.hpp"
#include "repository/prune.hpp"
#include "repository/repository.hpp"
#include "tomb.hpp"

#include <cstdint>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::repository {

struct PackUse {
  base::PackId id;
  pipeline::PackKind kind = pipeline::PackKind::data;
  std::uint32_t epoch = 0;  // 0 when nothing names it
  std::uint64_t size = 0;
  std::uint64_t raw_total = 0;  // bytes of chunks
  std::uint64_t raw_live = 0;   // of those that are needed from this pack
  std::uint64_t chunks_live = 0;
  std::uint64_t chunks_doubled = 0;  // needed, but from another pack
  /// Of these, those of which every copy is in a tomb. Whoever made the other tombs may have chosen
  /// this copy, so no copy of them is deleted.
  std::uint64_t chunks_held = 0;
  bool indexed = false;
  bool present = false;
  bool tombed = false;
  bool archived = false;     // must be thawed before it is read
  bool away = false;         // not in this store, and present in another one
  bool marked_away = false;  // so is what is on its way
  bool kept = false;         // another store gave it up and relies on this one

  bool needed() const { return chunks_live != 0 || chunks_held != 0 || kept; }
  std::uint64_t live_bytes() const;
};

/// The snapshots as they were listed, to tell later whether any came.
struct SnapshotsSeen {
  std::set<base::SnapshotId> live;
  std::set<base::SnapshotId> deleted;
  /// Whether `later` has a snapshot, or knows of a forgotten one, that is not in here.
  bool misses_any_of(const SnapshotsSeen& later) const;
};
SnapshotsSeen see_snapshots(Repository& repository);

/// What of the repository the snapshots need. Each needed chunk is needed from one pack: where
/// there are several copies, from one that nobody means to delete.
class RepositoryUse {
public:
  /// Errors: as plan_prune.
  RepositoryUse(Repository& repository, const std::vector<Tomb>& tombs, const PruneOptions& options,
                std::stop_token stopping);

  const SnapshotsSeen& snapshots() const { return seen_; }
  const std::vector<PackUse>& packs() const { return packs_; }  // by id
  const PackUse* find(const base::PackId& pack) const;
  /// Whether this copy of the chunk is the needed one.
  bool is_needed_from(const base::ChunkId& chunk, const base::PackId& pack) const;
  std::uint64_t pages_read() const { return pages_read_; }
  /// Stores what was read of pages, so that nobody has to read them again.
  void store_descriptions() { described_.flush(); }

private:
  void survey();
  void forget_survey();
  void list_snapshots();
  void find_live_keys();
  void describe_missing(ReachGraph& graph, std::vector<std::uint64_t> missing);
  void list_packs_of_store();
  void add_marked();
  void rank_packs();
  std::uint32_t position_of(std::uint32_t number);
  void choose_copies();
  void confirm_chosen();
  void count_use();

  Repository& repository_;
  const TombedPacks tombed_;
  const PruneOptions& options_;
  const std::stop_token stopping_;
  SnapshotsSeen seen_;
  std::vector<std::uint64_t> roots_;     // pages
  std::vector<std::uint64_t> contents_;  // of root nodes
  std::vector<PackUse> packs_;
  std::vector<std::uint32_t> pack_of_number_;  // position in packs_ by number in the index
  std::vector<std::uint32_t> rank_;            // by position in packs_
  std::vector<std::uint64_t> keys_;            // of live chunks, ascending
  std::vector<std::uint32_t> chosen_;          // by key: position in packs_, or a mark
  std::vector<std::uint32_t> tails_;           // by key: the next bytes of the id
  std::uint64_t pages_read_ = 0;
  ReachRecorder described_;
};

}  // namespace holdfast::repository
