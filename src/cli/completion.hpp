#pragma once

#include "arguments.hpp"

#include <string>
#include <vector>

namespace holdfast::cli {

enum class Shell : std::uint8_t { bash, zsh, fish };

/// A script that completes commands, options and files, and asks the program itself for names of
/// sites and ids of snapshots (`holdfast completion sites`, `... snapshots`).
std::string completion_script(Shell shell, const std::vector<CommandSyntax>& commands,
                              const Arguments& shared);

}  // namespace holdfast::cli
