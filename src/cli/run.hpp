#pragma once

#include "cli/environment.hpp"
#include "cli/services.hpp"

#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::cli {

/// Runs one command line (without the program's name) and says everything that people and scripts
/// are to hear. Returns the exit code. Does not throw.
int run(const std::vector<std::string>& arguments, Services& services,
        const Environment& environment, const std::stop_token& stopping);

}  // namespace holdfast::cli
