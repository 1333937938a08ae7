#pragma once

#include "doctor/examination.hpp"

#include <string>
#include <vector>

namespace holdfast::doctor {

/// The addresses of a name, in the order in which they would be tried, as text.
/// Errors: unavailable, with the resolver's words.
std::vector<std::string> addresses_of(const Endpoint& endpoint);

struct Connected {
  std::string address;
  double seconds = 0;
};
/// Connects to the first address that answers within `seconds`, and hangs up.
/// Errors: unavailable, with the cause of the last one; Cancelled.
Connected connect_to(const Endpoint& endpoint, const std::vector<std::string>& addresses,
                     std::int64_t seconds, const Surroundings& surroundings);

}  // namespace holdfast::doctor
