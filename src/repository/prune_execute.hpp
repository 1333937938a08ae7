// The deleting half of a prune: what tombs name goes, once nobody can need it.
#pragma once

#include "lease.hpp"
#include "pack_use.hpp"
#include "repository/prune.hpp"

#include <set>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::repository {

/// One pass over the tombs. Threads: one.
class PruneExecution {
public:
  PruneExecution(Repository& repository, const PruneOptions& options,
                 base::ProgressObserver& progress, PruneReport& report, std::stop_token stopping)
      : repository_(repository),
        options_(options),
        progress_(progress),
        report_(report),
        stopping_(std::move(stopping)) {}

  /// Names `packs` in tombs. `seen` are the snapshots that do not need them.
  void mark(std::vector<base::PackId> packs, const SnapshotsSeen& seen);
  /// Takes packs that are gone and that nobody needs out of the index.
  void drop_stale(const RepositoryUse& use);
  /// Deletes what may be deleted now, and says what is left in the report.
  void run();

private:
  enum class Outcome : std::uint8_t { done, blocked, overtaken };
  Outcome run_once();
  std::vector<SeenLease> settle_leases();
  bool settle(const SeenLease& lease);
  void finish_lease(const SeenLease& lease, const LeaseEnd& end);
  std::vector<Tomb> ready_tombs(const std::vector<Tomb>& tombs,
                                const std::vector<SeenLease>& active);
  void remove_packs(const RepositoryUse& use, const std::vector<Tomb>& tombs);
  void release(const base::PackId& pack);
  void remove_pack(const PackUse& pack);
  void remove_finished(const RepositoryUse& use, const std::vector<Tomb>& tombs);
  void drop(const std::set<base::PackId>& packs) const;
  void count_marked(const std::vector<Tomb>& tombs);
  void settle_listings() const;

  Repository& repository_;
  const PruneOptions& options_;
  base::ProgressObserver& progress_;
  PruneReport& report_;
  const std::stop_token stopping_;
};

/// Leases that are neither over nor expired, and what a person calls them.
bool is_expired(const SeenLease& lease, const LeaseStore& store, const PruneOptions& options);
std::string describe(const SeenLease& lease);

}  // namespace holdfast::repository
