#pragma once

#include "base/progress.hpp"
#include "repository/repository.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::repository {

struct CheckOptions {
  bool read_data = false;  // read every pack and verify every chunk, not only the structure
  unsigned threads = 0;    // 0: as many as there are cores
  /// With read_data: only packs that were last read so many seconds ago, never, or with damage;
  /// what was never read goes first, then what was read longest ago.
  std::optional<std::int64_t> older_than_seconds{};
  /// With read_data: no more stored bytes than this, but at least one pack.
  std::optional<std::uint64_t> budget_bytes{};
  /// Whether the ledger is told which packs were read.
  bool keep_ledger = false;
  /// The store of that name, for packs that are there instead; null when it is not at hand, which
  /// is no damage. What it returns is borrowed.
  std::function<storage::Backend*(const std::string& store)> open_store{};
};

struct CheckProblem {
  std::string object;  // "packs/ab/...", "snapshots/...", "index/..."
  std::string message;
  std::vector<std::string> affected;  // snapshots or paths that need it, the first hundred
};

/// Packs that another store has instead of this one.
struct PacksElsewhere {
  std::string store;  // empty: nobody can tell
  std::uint64_t packs = 0;
  std::uint64_t bytes = 0;
  bool was_looked_at = false;  // else it was not at hand
};

struct CheckReport {
  std::uint64_t snapshots = 0;
  std::uint64_t packs = 0;
  std::uint64_t chunks = 0;
  std::uint64_t bytes_read = 0;      // stored bytes read and verified
  std::uint64_t bytes_verified = 0;  // raw bytes hashed
  std::uint64_t unused_packs = 0;    // packs that no index names: left by interrupted runs
  std::uint64_t packs_read = 0;      // whole
  std::uint64_t packs_left = 0;      // that were due and are beyond the budget
  std::uint64_t bytes_left = 0;      // of these
  std::uint64_t packs_frozen = 0;    // there, with the right size, and not read
  std::uint64_t bytes_frozen = 0;    // of these
  std::vector<PacksElsewhere> elsewhere{};
  std::string ledger_note{};  // why the ledger does not know of this check; else empty
  std::string left_out{};     // what this role cannot check; empty for who may read all
  std::vector<CheckProblem> problems;
  /// Whether one of the problems is that records are gone or fork, and not only damage.
  bool tampered = false;
  bool clean() const { return problems.empty(); }
};

/// Structure: format copies, key slots, epochs, the chains of records and those this machine saw,
///            index segments as they stand in the store, every snapshot's signature and tree
///            pages, every chunk they name in the index, every indexed pack present with its size,
///            header and trailer. With read_data, of all packs or of those that the options choose:
///            every sector checksum, every directory compared with the index, every segment opened,
///            every chunk hashed.
///
/// Packs in a class that must be thawed are not read: they are no damage, and nothing is thawed.
/// Those that another store has instead are looked at, and with read_data read, there.
///
/// A role that cannot read contents checks all but trees and contents, with read_data the checksums
/// of all sectors; one without the index only what stands outside of seals, and records.
///
/// Errors: damage is collected, not thrown; a store that does not answer throws. Cancelled.
CheckReport check(Repository& repository, const CheckOptions& options,
                  base::ProgressObserver& progress, std::stop_token stopping);

}  // namespace holdfast::repository
