// How key slots are named in the store.
#pragma once

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "repository/stored_objects.hpp"

#include <array>
#include <string>

namespace holdfast::repository {

inline std::string make_slot_id(base::Random& random) {
  std::array<std::byte, 8> bytes;
  random.fill(bytes);
  return base::to_hex(bytes);
}

}  // namespace holdfast::repository
