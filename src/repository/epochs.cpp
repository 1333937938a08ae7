#include "epochs.hpp"

#include "base/error.hpp"
#include "envelope.hpp"
#include "wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace holdfast::repository {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view magic = "HFEPOCH\n";
constexpr std::string_view signed_domain = "holdfast epoch";
constexpr std::string_view prefix = "epochs/";
constexpr const char* what = "the epoch";
constexpr std::size_t sealed_size = 32 + crypto::sealed_box_overhead;
constexpr unsigned copies = 3;

base::Bytes signed_text(base::ByteView record) {
  auto text = base::copy_of(base::as_bytes(signed_domain));
  base::append(text, record);
  return text;
}

base::Bytes encode_record(const EpochRecord& record) {
  base::Bytes bytes;
  WireWriter writer(bytes);
  writer.bytes(1, record.repository.view());
  writer.number(2, record.number);
  writer.bytes(3, record.public_key);
  writer.signed_number(4, record.created_seconds);
  for (const auto& grant : record.grants) {
    base::Bytes item;
    WireWriter inner(item);
    inner.bytes(1, grant.grant_key);
    inner.bytes(2, grant.sealed);
    writer.item(5, item);
  }
  for (const auto& key : record.revoked)
    writer.item(6, key);
  return bytes;
}

crypto::PublicKey key_of(const WireReader& reader) {
  crypto::PublicKey key;
  std::ranges::copy(reader.bytes_of_size(key.size()), key.begin());
  return key;
}

EpochGrant decode_grant(base::ByteView bytes) {
  WireReader reader(bytes, what);
  EpochGrant grant;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        grant.grant_key = key_of(reader);
        break;
      case 2:
        grant.sealed = base::copy_of(reader.bytes_of_size(sealed_size));
        break;
      default:
        reader.unknown_field();
    }
  }
  if (grant.sealed.empty()) reader.corrupt("it grants nothing");
  return grant;
}

void expect_room(const WireReader& reader, std::size_t count) {
  if (count >= epoch_slots_max) reader.corrupt("it names too many slots");
}

EpochRecord decode_record(base::ByteView bytes) {
  WireReader reader(bytes, what, 1 << 5 | 1 << 6);
  EpochRecord record;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        record.repository = reader.id<base::RepositoryId>();
        break;
      case 2:
        record.number = static_cast<std::uint32_t>(reader.number_up_to(epoch_number_max));
        break;
      case 3:
        record.public_key = key_of(reader);
        break;
      case 4:
        record.created_seconds = reader.signed_number();
        break;
      case 5:
        expect_room(reader, record.grants.size());
        record.grants.push_back(decode_grant(reader.bytes()));
        break;
      case 6:
        expect_room(reader, record.revoked.size());
        record.revoked.push_back(key_of(reader));
        break;
      default:
        reader.unknown_field();
    }
  }
  if (record.number < 2 || record.public_key == crypto::PublicKey{}) {
    reader.corrupt("it is incomplete");
  }
  return record;
}

/// The number in the name of a copy; nothing when it is no such name.
std::optional<std::uint32_t> number_in(std::string_view name) {
  std::uint32_t number = 0;
  for (const char c : name.substr(prefix.size()).substr(0, 4)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = 10 * number + static_cast<std::uint32_t>(c - '0');
  }
  if (number < 2 || number > epoch_number_max) return std::nullopt;
  const auto names = epoch_names(number);
  if (std::ranges::find(names, name) == names.end()) return std::nullopt;
  return number;
}

struct WholeCopy {
  EpochRecord record;
  base::Bytes object;
};

/// The first copy that is whole and says `number`. Errors: the last one's.
WholeCopy load_copy(storage::Backend& backend, std::uint32_t number,
                    const std::set<std::string>& names, const base::RepositoryId& repository,
                    const crypto::PublicKey& owner) {
  std::optional<Error> failure;
  for (const auto& name : names) {
    try {
      auto object = storage::get(backend, name, epoch_object_size_max);
      auto record = decode_epoch(object, repository, owner);
      if (record.number == number) return {std::move(record), std::move(object)};
      failure = Error(ErrorKind::corrupt, name + " is of another epoch");
    } catch (Error& error) {
      if (error.kind() != ErrorKind::corrupt && error.kind() != ErrorKind::not_found) throw;
      error.add_context(fmt::format("reading {} of {}", name, backend.describe()));
      failure = error;
    }
  }
  HF_ASSERT(failure.has_value(), "an epoch that was listed has a copy");
  throw *failure;
}

}  // namespace

base::Bytes encode_epoch(const EpochRecord& record, const crypto::SigningKeyPair& owner) {
  const auto encoded = encode_record(record);
  const auto signature = crypto::sign(owner, signed_text(encoded));
  Envelope envelope;
  envelope.body.assign(signature.begin(), signature.end());
  base::append(envelope.body, encoded);
  return wrap_envelope(magic, envelope);
}

EpochRecord decode_epoch(base::ByteView object, const base::RepositoryId& repository,
                         const crypto::PublicKey& owner) {
  const auto body = unwrap_envelope(magic, object, what).body;
  crypto::Signature signature;
  if (body.size() < signature.size()) {
    throw Error(ErrorKind::corrupt, "the epoch is damaged: it is too short");
  }
  std::copy_n(body.begin(), signature.size(), signature.begin());
  const auto encoded = base::ByteView(body).subspan(signature.size());
  if (!crypto::verify(owner, signed_text(encoded), signature)) {
    throw Error(ErrorKind::corrupt, "the epoch was not signed by the owner of the repository");
  }
  auto record = decode_record(encoded);
  if (record.repository != repository) {
    throw Error(ErrorKind::corrupt, "the epoch belongs to another repository");
  }
  return record;
}

std::vector<std::string> epoch_names(std::uint32_t number) {
  std::vector<std::string> names;
  for (unsigned copy = 1; copy <= copies; ++copy)
    names.push_back(fmt::format("{}{:04}.{}", prefix, number, copy));
  return names;
}

EpochCopies list_epoch_copies(storage::Backend& backend) {
  EpochCopies found;
  backend.list(std::string(prefix), [&](const storage::ObjectInfo& object) {
    if (const auto number = number_in(object.name)) found[*number].insert(object.name);
  });
  return found;
}

StoredEpochs load_epochs(storage::Backend& backend, const EpochCopies& listed,
                         const base::RepositoryId& repository, const crypto::PublicKey& owner) {
  StoredEpochs stored;
  for (const auto& [number, names] : listed) {
    stored.newest = number;
    try {
      stored.records.push_back(load_copy(backend, number, names, repository, owner).record);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt && error.kind() != ErrorKind::not_found) throw;
      stored.damage.emplace_back(error.what());
    }
  }
  return stored;
}

std::vector<DamagedEpoch> find_damaged_epochs(storage::Backend& backend,
                                              const base::RepositoryId& repository,
                                              const crypto::PublicKey& owner) {
  std::vector<DamagedEpoch> damaged;
  for (const auto& [number, names] : list_epoch_copies(backend)) {
    for (const auto& name : names) {
      try {
        static_cast<void>(load_copy(backend, number, {name}, repository, owner));
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::corrupt) throw;
        damaged.push_back({name, error.what()});
      }
    }
  }
  return damaged;
}

void complete_epoch_copies(storage::Backend& backend, const base::RepositoryId& repository,
                           const crypto::PublicKey& owner) {
  for (const auto& [number, names] : list_epoch_copies(backend)) {
    if (names.size() == copies) continue;
    const auto whole = load_copy(backend, number, names, repository, owner);
    for (const auto& name : epoch_names(number))
      static_cast<void>(storage::put(backend, name, whole.object));
  }
}

void add_epochs(KeyBundle& keys, const std::vector<EpochRecord>& records) {
  const auto own = crypto::box_key_pair_of(keys.grant_key.view());
  for (const auto& record : records) {
    // Also an older one: who rotates after somebody else did knows the own epoch first.
    const auto at = std::ranges::lower_bound(keys.epochs, record.number, {}, &Epoch::number);
    if (at != keys.epochs.end() && at->number == record.number) continue;
    Epoch epoch{record.number, record.public_key, {}};
    const auto grant = std::ranges::find(record.grants, own.public_key, &EpochGrant::grant_key);
    if (keys.can(Ability::read_content) && grant != record.grants.end()) {
      epoch.private_key = crypto::open_sealed(own, grant->sealed);
      if (crypto::box_key_pair_of(epoch.private_key.view()).public_key != record.public_key) {
        throw Error(ErrorKind::corrupt,
                    fmt::format("epoch {} grants another key than its own", record.number));
      }
    }
    keys.epochs.insert(at, std::move(epoch));
  }
}

}  // namespace holdfast::repository
