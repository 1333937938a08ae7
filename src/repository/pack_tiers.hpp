#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/progress.hpp"
#include "repository/repository.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::repository {

/// A pack of content as the store keeps it.
struct ContentPack {
  base::PackId id;
  std::uint64_t size = 0;
  std::string storage_class;
  std::optional<base::WallTime> since;  // in that class
  bool is_archived = false;             // must be thawed before it is read or moved
};

/// Which packs may be in other classes, and whether others are where they must not be.
struct PackTiers {
  std::vector<ContentPack> content;  // that the index names, by id
  std::uint64_t frozen_trees = 0;    // archived, though every command needs them
};

/// In a store without classes all are in one without a name. Errors: as the store, and Index.
PackTiers survey_tiers(Repository& repository);

struct PackMove {
  base::PackId id;
  std::uint64_t size = 0;
  std::string to;  // class
};
struct MoveProblem {
  std::string object;
  std::string message;
};
struct MoveReport {
  std::uint64_t packs = 0;
  std::uint64_t bytes = 0;
  std::vector<MoveProblem> problems{};  // packs that stay where they are
};

/// Moves packs, several at a time. May be killed at any point and repeated. What went meanwhile is
/// not moved, and what cannot be is a problem.
/// Errors: as storage::ObjectTiers::move, where they are no matter of one pack; Cancelled.
MoveReport move_packs(storage::Backend& backend, std::span<const PackMove> moves,
                      base::ProgressObserver& progress, const std::stop_token& stopping);

}  // namespace holdfast::repository
