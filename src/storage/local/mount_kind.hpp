#pragma once

#include <string>

namespace holdfast::storage {

/// Whether `path` lies on a file system of another machine, or of a program that may speak to one
/// (FUSE): what fails there may pass, and locks of other machines may not be seen.
/// Errors: as base::system_error.
bool is_on_network(const std::string& path);

}  // namespace holdfast::storage
