#include "repository/stored_objects.hpp"

#include <algorithm>
#include <string_view>

namespace holdfast::repository {

namespace {

bool is_id(std::string_view hex) {
  return hex.size() == 2 * base::PackId::size &&
         hex.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string pack_object_name(const base::PackId& id) {
  const auto hex = id.hex();
  return "packs/" + hex.substr(0, 2) + "/" + hex;
}

std::string index_object_name(const base::IndexId& id) {
  return std::string(index_prefix) + id.hex();
}

std::vector<StoredPack> list_packs(storage::Backend& backend) {
  std::vector<StoredPack> packs;
  backend.list("packs/", [&](const storage::ObjectInfo& object) {
    const auto hex = std::string_view(object.name).substr(object.name.rfind('/') + 1);
    if (!is_id(hex)) return;
    const auto id = base::PackId::from_hex(hex);
    if (pack_object_name(id) == object.name) packs.push_back({id, object.size});
  });
  std::ranges::sort(packs, {}, &StoredPack::id);
  return packs;
}

}  // namespace holdfast::repository
