#pragma once

#include "storage/backend.hpp"

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

}  // namespace holdfast::storage
