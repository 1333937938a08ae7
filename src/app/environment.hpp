#pragma once

#include "cli/environment.hpp"

#include <string>

namespace holdfast::app {

/// The process's environment variables, host name, working directory and user. An empty variable
/// counts as not set. Errors: io when the working directory is gone.
cli::Environment read_environment(const std::string& version);
/// HOLDFAST_SSH_CONFIG: a configuration of ssh for stores at sftp://; empty: the user's own.
std::string ssh_config_file();

}  // namespace holdfast::app
