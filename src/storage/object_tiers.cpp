#include "storage/object_tiers.hpp"

namespace holdfast::storage {

std::string_view name_of(ThawSpeed speed) {
  switch (speed) {
    case ThawSpeed::expedited:
      return "expedited";
    case ThawSpeed::standard:
      return "standard";
    case ThawSpeed::bulk:
      return "bulk";
  }
  return "unknown";
}

}  // namespace holdfast::storage
