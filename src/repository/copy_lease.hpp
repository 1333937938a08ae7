#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "repository/repository.hpp"
#include "storage/backend.hpp"

#include <memory>
#include <string>

namespace holdfast::repository {

/// Keeps prunes of a copy from deleting what is being sent to it. A copy has the id and the keys of
/// `source`, and leases and tombs of its own.
/// Threads: is_doomed from any; the rest from one at a time.
class CopyLease {
public:
  /// `copy` may be the source's own store too. `purpose` is for people who wonder why a prune
  /// waits. Errors: as the stores.
  CopyLease(Repository& source, storage::Backend& copy, const std::string& purpose = "copy");
  ~CopyLease();

  /// Whether a prune of the copy, begun before this lease, means to delete the pack there.
  bool is_doomed(const base::PackId& pack) const;
  /// Errors: conflict when it was taken away: what came before may not be relied on.
  void expect_held();
  /// Stores the last snapshot to be sent, whose sealed record is `record`, and ends the lease. What
  /// was sent under it is safe when this returns.
  /// Returns what is locked there for less than the store should, for people; empty: nothing.
  /// Errors: conflict when the lease was taken away meanwhile.
  std::string commit(const base::SnapshotId& snapshot, base::ByteView record);

private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::repository
