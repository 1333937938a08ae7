#pragma once

#include <stop_token>
#include <string>

namespace holdfast::cli {

/// Asks on the terminal; only "y" and "yes" are yes.
/// Errors: invalid_input with a hint to --yes when there is no terminal; Cancelled.
bool confirm(const std::string& question, const std::stop_token& stopping);

}  // namespace holdfast::cli
