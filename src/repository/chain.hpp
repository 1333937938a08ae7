// The chain of a writer: each record has a number and names the one before, so that a store cannot
// drop or bring back a record unseen. Two runs of one writer at the same time may take the same
// number; both then name the same record before them, and the next record follows one of them. Two
// lines that run beside each other for four numbers are no such accident: somebody copied the
// writer's keys and the store, and both went on.
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
/// The records that are gone without a deletion record, as far as the chains tell: the id is zero
/// where no record names it. At most gap_entries_max of them.
std::vector<DeletedRecord> find_gaps(const std::vector<Snapshot>& snapshots,
                                     const std::vector<Deletion>& deletions);
inline constexpr std::size_t gap_entries_max = 10'000;
/// For people: the first eight digits.
std::string short_name(const crypto::PublicKey& writer);

}  // namespace holdfast::repository
