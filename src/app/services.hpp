#pragma once

#include "app/environment.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "cli/services.hpp"

#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::app {

/// The concrete stores and sources of this build.
class AppServices final : public cli::Services {
public:
  /// `stopping` ends waits for stores that do not answer.
  AppServices(StoreEnvironment environment, std::stop_token stopping)
      : environment_(std::move(environment)), stopping_(std::move(stopping)) {}
  base::Clock& clock() override { return clock_; }
  base::Random& random() override { return random_; }
  std::unique_ptr<storage::Backend> open_store(const storage::Location& location, StoreMode mode,
                                               const config::Store& settings,
                                               const base::RateLimits& limits) override;
  doctor::Way way_to_store(const storage::Location& location,
                           const config::Store& settings) override;
  std::vector<backup::BackupItem> open_sources(const cli::SourcePlan& plan) override;
  std::unique_ptr<sources::StreamSource> open_command(const std::vector<std::string>& arguments,
                                                      const std::string& name,
                                                      base::Fd input) override;

private:
  const StoreEnvironment environment_;
  const std::stop_token stopping_;
  base::SystemClock clock_;
  base::SystemRandom random_;
};

}  // namespace holdfast::app
