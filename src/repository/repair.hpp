#pragma once

#include "base/progress.hpp"
#include "repository/check.hpp"
#include "repository/repository.hpp"
#include "sources/source.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::repository {

/// Opens a file of a source by its absolute path. Null when there is no regular file.
using OpenSourceFile = std::function<std::unique_ptr<sources::SourceFile>(const std::string& path)>;

struct RepairOptions {
  /// Another repository with the same id to take from what cannot be computed; null for none.
  Repository* copy = nullptr;
  /// How files are read again where nothing else has what was in them; empty for never.
  OpenSourceFile open_source{};
  /// The index forgets what stays lost, so that the next full backup stores it again if its source
  /// still has it. Otherwise it goes on naming the damaged pack for that, for a later repair.
  bool give_up_lost = false;
  /// Only the index: from the directories of packs, without reading all data.
  bool index_only = false;
  unsigned threads = 0;  // 0: as many as there are cores
};

enum class RepairKind : std::uint8_t {
  format_copy,
  record,
  index_segment,
  unindexed_pack,
  pack,
  ledger,
  epoch_copy,
  key_slot
};

/// One damaged object, what can be done about it, and (in a report) what was done.
struct RepairStep {
  RepairKind kind = RepairKind::pack;
  std::string object;
  std::string problem;
  std::vector<std::string> affected;  // as in CheckProblem
  // Of a pack, in segments; of other objects 1 in one of them.
  std::uint64_t whole = 0;
  std::uint64_t from_parity = 0;
  std::uint64_t from_copy = 0;
  std::uint64_t from_source = 0;  // read again
  std::uint64_t from_others = 0;  // another copy of the object, or packs' directories
  std::uint64_t lost = 0;
  std::string outcome;  // one sentence

  std::uint64_t mended() const { return from_parity + from_copy + from_source + from_others; }
};

struct RepairPlan {
  CheckReport found;
  std::vector<RepairStep> steps;
  /// Damage that repair can do nothing about, named as check names it.
  std::vector<CheckProblem> beyond;
  /// Chunks that were read again from the source.
  std::map<base::ChunkId, base::Bytes> rescued;
  bool empty() const { return steps.empty(); }
};

/// Finds all damage (a check with read_data) and what can be made good. Changes nothing.
/// Errors: wrong_key for a role that cannot read contents; as check.
RepairPlan plan_repair(Repository& repository, const RepairOptions& options,
                       base::ProgressObserver& progress, std::stop_token stopping);

/// Does what `plan` says and returns its steps with their outcomes. What can be read of a damaged
/// pack is written anew as a new pack, read back and indexed; only then does the index forget the
/// damaged one, whose object stays until a prune finds that no snapshot needs it. May be killed at
/// any point and repeated, beside any number of other runs; prunes wait for its lease.
/// Errors: as the store; conflict when its lease was taken away; Cancelled.
std::vector<RepairStep> apply_repair(Repository& repository, const RepairPlan& plan,
                                     const RepairOptions& options, base::ProgressObserver& progress,
                                     std::stop_token stopping);

}  // namespace holdfast::repository
