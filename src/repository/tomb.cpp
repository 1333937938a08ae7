#include "tomb.hpp"

#include "base/error.hpp"
#include "collection_object.hpp"
#include "storage/get_many.hpp"
#include "wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t key_size = 8;
constexpr std::size_t id_digits = 32;
constexpr std::size_t pack_id_digits = 2 * base::PackId::size;

/// Others are not ours.
bool is_tomb_name(std::string_view name) {
  const auto id = name.substr(tomb_prefix.size());
  return (id.size() == id_digits || id.size() == pack_id_digits) &&
         id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::vector<std::uint64_t> parse_keys(const WireReader& reader) {
  const auto bytes = reader.bytes();
  if (bytes.size() % key_size != 0) reader.corrupt("a key is cut off");
  std::vector<std::uint64_t> keys;
  for (std::size_t at = 0; at < bytes.size(); at += key_size)
    keys.push_back(key_of(bytes.subspan(at, key_size)));
  if (!std::ranges::is_sorted(keys)) reader.corrupt("its snapshots are out of order");
  return keys;
}

std::vector<base::PackId> parse_packs(const WireReader& reader) {
  const auto bytes = reader.bytes();
  if (bytes.size() % base::PackId::size != 0) reader.corrupt("an id is cut off");
  if (bytes.size() / base::PackId::size > tomb_packs_max) reader.corrupt("it names too many packs");
  std::vector<base::PackId> packs;
  for (std::size_t at = 0; at < bytes.size(); at += base::PackId::size)
    packs.push_back(base::PackId::from_bytes(bytes.subspan(at, base::PackId::size)));
  return packs;
}

bool is_damage(const Error& error) {
  return error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::wrong_key;
}

Tomb read_tomb(const std::string& name, const storage::Fetch& fetch,
               const base::RepositoryId& repository, const KeyBundle& keys) {
  Tomb tomb;
  tomb.id = name.substr(tomb_prefix.size());
  if (tomb.id.size() == pack_id_digits) {
    tomb.packs.push_back(base::PackId::from_hex(tomb.id));
    return tomb;
  }
  try {
    auto id = std::move(tomb.id);
    tomb = decode_tomb(open_collection_object(tomb_kind, name, fetch(), repository, keys));
    tomb.id = std::move(id);
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    tomb.damaged = true;
  }
  return tomb;
}

}  // namespace

bool Tomb::has_considered(const base::SnapshotId& snapshot) const {
  return std::ranges::binary_search(considered, key_of(snapshot));
}

std::string tomb_object_name(const std::string& id) { return std::string(tomb_prefix) + id; }

base::Bytes encode_tomb(const Tomb& tomb) {
  base::Bytes considered;
  for (const auto key : tomb.considered) {
    for (std::size_t i = 0; i < key_size; ++i)
      considered.push_back(static_cast<std::byte>(key >> (8 * (key_size - 1 - i))));
  }
  base::Bytes text;
  WireWriter writer(text);
  writer.signed_number(1, tomb.created.seconds);
  writer.bytes(2, considered);
  writer.bytes(3, std::as_bytes(std::span(tomb.packs)));
  return text;
}

Tomb decode_tomb(base::ByteView text) {
  WireReader reader(text, "a tomb");
  Tomb tomb;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        tomb.created.seconds = reader.signed_number();
        break;
      case 2:
        tomb.considered = parse_keys(reader);
        break;
      case 3:
        tomb.packs = parse_packs(reader);
        break;
      default:
        reader.unknown_field();
    }
  }
  return tomb;
}

void put_tomb(storage::Backend& backend, const base::RepositoryId& repository,
              const KeyBundle& keys, base::Random& random, Tomb& tomb) {
  std::array<std::byte, id_digits / 2> id;
  random.fill(id);
  tomb.id = base::to_hex(id);
  const auto name = tomb_object_name(tomb.id);
  const auto object =
      seal_collection_object(tomb_kind, name, encode_tomb(tomb), repository, keys, random);
  if (storage::put(backend, name, object) != storage::PutOutcome::stored) {
    throw Error(ErrorKind::conflict, name + " exists, and its name is random")
        .set_hint("this machine's random generator repeats itself");
  }
}

void put_empty_tomb(storage::Backend& backend, const base::PackId& pack) {
  static_cast<void>(storage::put(backend, tomb_object_name(pack.hex()), {}));
}

std::vector<Tomb> list_tombs(storage::Backend& backend, const base::RepositoryId& repository,
                             const KeyBundle& keys) {
  std::vector<std::string> names;
  backend.list(std::string(tomb_prefix), [&](const storage::ObjectInfo& object) {
    if (is_tomb_name(object.name)) names.push_back(object.name);
  });
  std::ranges::sort(names);
  std::vector<Tomb> tombs;
  const auto take = [&](const std::string& name, const storage::Fetch& fetch) {
    try {
      tombs.push_back(read_tomb(name, fetch, repository, keys));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_found) throw;
    }
  };
  storage::get_many(backend, names, tomb_size_max, take);
  return tombs;
}

TombedPacks::TombedPacks(const std::vector<Tomb>& tombs) {
  for (const auto& tomb : tombs) {
    all_ = all_ || tomb.damaged;
    packs_.insert(tomb.packs.begin(), tomb.packs.end());
  }
}

}  // namespace holdfast::repository
