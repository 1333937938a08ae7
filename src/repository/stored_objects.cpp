#include "repository/stored_objects.hpp"

#include "base/error.hpp"
#include "pipeline/pack.hpp"
#include "repository/format_object.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace holdfast::repository {

namespace {

bool is_id(std::string_view hex) {
  return hex.size() == 2 * base::PackId::size &&
         hex.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

constexpr std::string_view packs_prefix = "packs/";
constexpr std::array kept_prefixes = {packs_prefix, slot_prefix,     epoch_prefix,   index_prefix,
                                      reach_prefix, snapshot_prefix, deletion_prefix};

}  // namespace

bool is_kept_object(std::string_view name) {
  const auto formats = format_names();
  return std::ranges::any_of(kept_prefixes,
                             [&](auto prefix) { return name.starts_with(prefix); }) ||
         std::ranges::find(formats, name) != formats.end();
}

bool is_content_object(std::string_view name, base::ByteView beginning) {
  if (!pack_of_object(name)) return false;
  const auto size = std::min<std::size_t>(beginning.size(), pipeline::pack_header_size);
  try {
    return pipeline::parse_pack_header(beginning.first(size)).kind != pipeline::PackKind::tree;
  } catch (const base::Error&) {
    return false;  // NOLINT(bugprone-empty-catch): damage is told where it matters
  }
}

storage::PutOutcome put_object(storage::Backend& backend, const std::string& name,
                               base::ByteView bytes) {
  const auto writer = backend.create(name);
  if (is_content_object(name, bytes)) writer->is_content();
  writer->append(bytes);
  return writer->commit();
}

std::string pack_object_name(const base::PackId& id) {
  const auto hex = id.hex();
  return "packs/" + hex.substr(0, 2) + "/" + hex;
}

std::string index_object_name(const base::IndexId& id) {
  return std::string(index_prefix) + id.hex();
}

std::optional<base::PackId> pack_of_object(std::string_view name) {
  const auto hex = name.substr(name.rfind('/') + 1);
  if (!name.starts_with(packs_prefix) || !is_id(hex)) return std::nullopt;
  const auto id = base::PackId::from_hex(hex);
  return pack_object_name(id) == name ? std::optional(id) : std::nullopt;
}

std::vector<StoredPack> list_packs(storage::Backend& backend) {
  std::vector<StoredPack> packs;
  backend.list(std::string(packs_prefix), [&](const storage::ObjectInfo& object) {
    if (const auto id = pack_of_object(object.name))
      packs.push_back({*id, object.size, object.is_archived});
  });
  std::ranges::sort(packs, {}, &StoredPack::id);
  return packs;
}

}  // namespace holdfast::repository
