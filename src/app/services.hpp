#pragma once

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
  /// `ssh_config`: a file for ssh in place of the user's own; empty for none. `stopping` ends waits
  /// for stores that do not answer.
  AppServices(std::string ssh_config, std::stop_token stopping)
      : ssh_config_(std::move(ssh_config)), stopping_(std::move(stopping)) {}
  base::Clock& clock() override { return clock_; }
  base::Random& random() override { return random_; }
  std::unique_ptr<storage::Backend> open_store(const storage::Location& location,
                                               StoreMode mode) override;
  std::vector<backup::BackupItem> open_sources(const cli::SourcePlan& plan) override;
  std::unique_ptr<sources::StreamSource> open_command(const std::vector<std::string>& arguments,
                                                      const std::string& name,
                                                      base::Fd input) override;

private:
  const std::string ssh_config_;
  const std::stop_token stopping_;
  base::SystemClock clock_;
  base::SystemRandom random_;
};

}  // namespace holdfast::app
