#pragma once

#include "repository/key_text.hpp"

#include <string>
#include <vector>

namespace holdfast::cli {

/// Errors: access_denied unless it is a file of this user (or of root) that nobody else may read or
/// write; invalid_input when it is no key file.
repository::KeyFile read_key_file(const std::string& path);
/// As read_key_file.
std::vector<repository::KeyShare> read_share_files(const std::vector<std::string>& paths);
/// Makes a file with mode 0600 that did not exist. Errors: already_exists.
void write_secret_file(const std::string& path, const base::Secret& content);

}  // namespace holdfast::cli
