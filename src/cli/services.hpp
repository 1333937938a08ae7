#pragma once

#include "backup/backup.hpp"
#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/random.hpp"
#include "base/rate_limit.hpp"
#include "cli/source_plan.hpp"
#include "config/config.hpp"
#include "doctor/examination.hpp"
#include "sources/source.hpp"
#include "storage/backend.hpp"
#include "storage/location.hpp"

#include <memory>
#include <string>
#include <vector>

namespace holdfast::cli {

/// What the commands need and may not name themselves: concrete stores and sources. Implemented in
/// app.
class Services {
public:
  /// `examine`: as `existing`, and what fails is not tried again, nor a silent server waited for.
  enum class StoreMode : std::uint8_t { existing, create, examine };

  virtual ~Services() = default;
  virtual base::Clock& clock() = 0;
  virtual base::Random& random() = 0;
  /// `settings`: what the configuration says of it beside the location. `limits` hold within each
  /// stream of the store.
  /// Errors: unsupported for a scheme without a backend; not_found with `existing`.
  virtual std::unique_ptr<storage::Backend> open_store(const storage::Location& location,
                                                       StoreMode mode,
                                                       const config::Store& settings,
                                                       const base::RateLimits& limits) = 0;
  /// How a store is reached, without reaching for it.
  virtual doctor::Way way_to_store(const storage::Location& location,
                                   const config::Store& settings) = 0;
  /// The plan's sources in its order. One that does not open becomes an item that fails when it is
  /// read, so that the others are still taken.
  virtual std::vector<backup::BackupItem> open_sources(const SourcePlan& plan) = 0;
  /// What a command prints that reads from `input`, or nothing; `name` is for messages.
  virtual std::unique_ptr<sources::StreamSource> open_command(
      const std::vector<std::string>& arguments, const std::string& name, base::Fd input) = 0;
};

}  // namespace holdfast::cli
