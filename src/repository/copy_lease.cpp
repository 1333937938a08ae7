#include "repository/copy_lease.hpp"

#include "kept_lease.hpp"
#include "prolonged_locks.hpp"
#include "repository/stored_objects.hpp"
#include "tomb.hpp"

#include <string>

namespace holdfast::repository {

namespace {

LeaseStore lease_store_in(storage::Backend& copy, Repository& source) {
  const auto& environment = source.environment();
  return {copy, source.id(), source.keys(), environment.clock, environment.random};
}

LeaseOptions lease_options(const std::string& purpose) {
  LeaseOptions options;
  options.purpose = purpose;
  return options;
}

}  // namespace

struct CopyLease::State {
  State(Repository& from, storage::Backend& store, const std::string& purpose)
      : source(from),
        copy(store),
        lease(lease_store_in(store, from), lease_options(purpose), Renewal::by_thread, nullptr),
        tombed(list_tombs(store, from.id(), from.keys())) {}

  Repository& source;
  storage::Backend& copy;
  KeptLease lease;           // first: whoever makes a tomb after the list below waits for it
  const TombedPacks tombed;  // before
};

CopyLease::CopyLease(Repository& source, storage::Backend& copy, const std::string& purpose)
    : state_(std::make_unique<State>(source, copy, purpose)) {}

CopyLease::~CopyLease() = default;

bool CopyLease::is_doomed(const base::PackId& pack) const { return state_->tombed.contains(pack); }

void CopyLease::expect_held() { state_->lease->expect_held(); }

std::string CopyLease::commit(const base::SnapshotId& snapshot, base::ByteView record) {
  const auto& environment = state_->source.environment();
  const auto shortfall = prolong_locks(
      {state_->copy, environment.clock, state_->source.cache_directory(), environment.io_threads},
      state_->tombed);
  state_->lease->commit(snapshot, record);
  static_cast<void>(
      storage::put(state_->copy, std::string(snapshot_prefix) + snapshot.hex(), record));
  state_->lease->end();
  if (shortfall.objects == 0) return {};
  return describe(shortfall, state_->copy.locks()->terms().period_seconds);
}

}  // namespace holdfast::repository
