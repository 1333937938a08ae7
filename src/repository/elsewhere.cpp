#include "repository/elsewhere.hpp"

#include "base/error.hpp"
#include "collection_object.hpp"
#include "wire.hpp"

#include <fmt/format.h>

#include <optional>
#include <string_view>

namespace holdfast::repository {

namespace {

constexpr std::string_view prefix = "elsewhere/";
constexpr std::size_t mark_size_max = 64UL * 1024;

std::string_view suffix_of(PackMark mark) {
  switch (mark) {
    case PackMark::away:
      return "";
    case PackMark::kept:
      return ".kept";
    case PackMark::released:
      return ".released";
  }
  return "";
}

std::optional<base::PackId> id_of(std::string_view hex) {
  const bool is_id = hex.size() == 2 * base::PackId::size &&
                     hex.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return is_id ? std::optional(base::PackId::from_hex(hex)) : std::nullopt;
}

}  // namespace

std::string mark_object_name(const base::PackId& pack, PackMark mark) {
  return fmt::format("{}{}{}", prefix, pack.hex(), suffix_of(mark));
}

MarkedPacks list_marked_packs(storage::Backend& backend) {
  MarkedPacks marked;
  backend.list(std::string(prefix), [&](const storage::ObjectInfo& object) {
    const auto rest = std::string_view(object.name).substr(prefix.size());
    const auto dot = rest.find('.');
    const auto id = id_of(rest.substr(0, dot));
    const auto suffix = dot == std::string_view::npos ? std::string_view() : rest.substr(dot);
    if (!id) return;
    if (suffix.empty()) marked.away.insert(*id);
    if (suffix == suffix_of(PackMark::kept)) marked.kept.insert(*id);
    if (suffix == suffix_of(PackMark::released)) marked.released.insert(*id);
  });
  return marked;
}

bool is_away(storage::Backend& backend, const base::PackId& pack) {
  return backend.stat(mark_object_name(pack, PackMark::away)).has_value();
}

void put_mark(Repository& repository, storage::Backend& store, const base::PackId& pack,
              PackMark mark, const Elsewhere& what) {
  const auto name = mark_object_name(pack, mark);
  const auto object =
      seal_collection_object(elsewhere_kind, name, encode_elsewhere(what), repository.id(),
                             repository.keys(), repository.environment().random);
  static_cast<void>(storage::put(store, name, object));
}

void remove_mark(storage::Backend& store, const base::PackId& pack, PackMark mark) {
  static_cast<void>(store.remove(mark_object_name(pack, mark)));
}

Elsewhere read_mark(Repository& repository, const base::PackId& pack, PackMark mark) {
  const auto name = mark_object_name(pack, mark);
  const auto object = storage::get(repository.backend(), name, mark_size_max);
  return decode_elsewhere(
      open_collection_object(elsewhere_kind, name, object, repository.id(), repository.keys()));
}

std::optional<Elsewhere> find_mark(Repository& repository, const base::PackId& pack,
                                   PackMark mark) {
  try {
    return read_mark(repository, pack, mark);
  } catch (const base::Error& error) {
    const bool is_expected = error.kind() == base::ErrorKind::not_found ||
                             error.kind() == base::ErrorKind::corrupt ||
                             error.kind() == base::ErrorKind::wrong_key;
    if (!is_expected) throw;
    return std::nullopt;
  }
}

base::Bytes encode_elsewhere(const Elsewhere& what) {
  base::Bytes text;
  WireWriter writer(text);
  writer.signed_number(1, what.since.seconds);
  writer.text(2, what.store);
  return text;
}

Elsewhere decode_elsewhere(base::ByteView text) {
  WireReader reader(text, "a mark of a pack elsewhere");
  Elsewhere what;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        what.since.seconds = reader.signed_number();
        break;
      case 2:
        what.store = reader.text();
        break;
      default:
        reader.unknown_field();
    }
  }
  if (what.store.empty()) reader.corrupt("it names no store");
  if (what.store.size() > store_name_size_max) reader.corrupt("the name of its store is too long");
  return what;
}

}  // namespace holdfast::repository
