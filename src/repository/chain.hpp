// The chain of a writer: each record has a number and names the one before, so that a store cannot
// drop or bring back a record unseen. Two runs of one writer at the same time may take the same
// number; both then name the same record before them, and the next record follows the one of them
// with the greater id.
#pragma once

#include "repository/snapshot.hpp"

#include <string>
#include <vector>

namespace holdfast::repository {

struct ChainHead {
  std::uint64_t sequence = 0;
  base::Hash id;
};

/// The last record of `writer`: its number is 0 when there is none. A record that is only named by
/// a deletion counts.
ChainHead head_of(const crypto::PublicKey& writer, const std::vector<Snapshot>& snapshots,
                  const std::vector<Deletion>& deletions);
/// See SnapshotStore::chain_problems.
std::vector<std::string> find_chain_problems(const std::vector<Snapshot>& snapshots,
                                             const std::vector<Deletion>& deletions);

}  // namespace holdfast::repository
