#pragma once

#include "base/error.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace holdfast::storage {

enum class Operation : std::uint8_t {
  create,
  append,
  commit,
  read,
  stat,
  list,
  remove,
  locked_until,
  lock
};

/// What a fault-injecting store does at one call.
struct Fault {
  enum class When : std::uint8_t { before, after };  // `after`: it was done, and the reply got lost
  When when = When::before;
  base::ErrorKind kind = base::ErrorKind::io;
};

/// Asked before every call; nothing means no fault. `call` counts from 1 over all operations.
using FaultPlan = std::function<std::optional<Fault>(Operation operation, const std::string& name,
                                                     std::uint64_t call)>;
/// May change what a read returns (a lying store): called with the bytes just read.
using ReadTamper =
    std::function<void(const std::string& name, std::uint64_t offset, base::MutableBytes bytes)>;

/// `inner` with faults. Borrows it.
std::unique_ptr<Backend> with_faults(Backend& inner, FaultPlan plan, ReadTamper tamper = {});

}  // namespace holdfast::storage
