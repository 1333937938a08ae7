#pragma once

#include "storage/backend.hpp"

#include <memory>

namespace holdfast::storage {

/// Objects in memory, for tests and the simulator.
std::unique_ptr<Backend> open_memory();

}  // namespace holdfast::storage
