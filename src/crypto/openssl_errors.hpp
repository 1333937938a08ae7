#pragma once

#include "base/error.hpp"

#include <source_location>
#include <string>

namespace holdfast::crypto {

/// What OpenSSL put into its error queue, which is empty afterwards. `doing` names the act.
base::Error openssl_error(const std::string& doing,
                          std::source_location where = std::source_location::current());
/// For failures that are an expected answer and are reported in our own words.
void discard_openssl_errors();

}  // namespace holdfast::crypto
