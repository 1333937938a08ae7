#pragma once

#include "console.hpp"
#include "copies/copy.hpp"

#include <optional>
#include <string>

namespace holdfast::cli {

/// What became of one copy: a plan, a report or a failure.
struct CopyResult {
  std::string store;
  std::optional<copies::CopyPlan> plan{};
  std::optional<copies::CopyReport> report{};
  std::optional<copies::CollectReport> collected{};
  std::optional<Failure> failure{};
};

/// Prints it, and adds an object to the open JSON array. Returns the exit code: partial when
/// something could not be sent.
int report_copy(Console& console, const CopyResult& result);

}  // namespace holdfast::cli
