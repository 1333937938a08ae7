#pragma once

#include "base/secret.hpp"

#include <cstddef>
#include <string>

namespace holdfast::base {

/// The whole of a file that holds secrets. `name` is for messages: "the key file x".
/// Errors: access_denied unless it is a regular file of this user (or of root) that nobody else may
/// read or write; invalid_input when it is larger than `size_max`.
Secret read_private_file(const std::string& path, const std::string& name, std::size_t size_max);

}  // namespace holdfast::base
