#pragma once

#include "storage/backend.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace holdfast::storage {

/// Objects in memory, for tests and the simulator; with more than one transfer as if they were far.
std::unique_ptr<Backend> open_memory(unsigned transfers_max = 1);

/// A store that locks objects and holds what is removed meanwhile.
struct MemoryLocks {
  const base::Clock& clock;  // borrowed
  LockTerms terms{};
  std::function<bool(const std::string& name)> is_kept;  // these are locked
};
std::unique_ptr<Backend> open_locking_memory(MemoryLocks locks);

/// A store with two classes: everything begins in the usual one, and what is moved to the other
/// must be thawed, which takes so long.
struct MemoryTiers {
  static constexpr const char* usual_class = "STANDARD";
  static constexpr const char* archive_class = "ARCHIVE";
  const base::Clock& clock;  // borrowed
  std::int64_t thaw_seconds = 0;
};
std::unique_ptr<Backend> open_tiering_memory(MemoryTiers tiers);

}  // namespace holdfast::storage
