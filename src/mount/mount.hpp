#pragma once

#include "base/progress.hpp"
#include "base/random.hpp"
#include "repository/repository.hpp"
#include "repository/snapshot.hpp"

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::mount {

/// A snapshot and what people call it. Borrows the snapshot.
struct MountedSnapshot {
  const repository::Snapshot* snapshot = nullptr;
  /// One path component, unique; empty: it is found by its id only.
  std::string name;
};

struct MountRequest {
  std::string directory;                   // absolute; must exist
  std::vector<MountedSnapshot> snapshots;  // oldest first
  bool allow_other = false;  // other users too, as far as modes and access lists let them
  unsigned threads = 0;      // 0: as many as there are cores, and at least two
  std::size_t cache_bytes = 64UL * 1024 * 1024;  // of decoded content
};

/// Shows snapshots as a file system that is only read:
///
///   latest                a link to the newest that has a name
///   snapshots/<name>      links
///   sites/<site>/<name>   links, and `latest`
///   ids/<id>              each snapshot, by absolute paths
///
/// Everything is read when somebody looks at it. Calls `ready` once it is there, and returns when
/// it was unmounted or `stopping` was asked to stop; then it is unmounted.
/// Errors: invalid_input when it cannot be mounted there. What cannot be read later is EIO to who
///         wanted it and a warning of `observer`, the first hundred times.
void serve(repository::Repository& repository, const MountRequest& request, base::Random& random,
           const std::function<void()>& ready, base::ProgressObserver& observer,
           const std::stop_token& stopping);

}  // namespace holdfast::mount
