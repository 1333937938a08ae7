#include "repository/key_ring.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "epochs.hpp"
#include "slot_names.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::repository {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t prefix_size_min = 4;

std::string object_name(const std::string& id) { return std::string(slot_prefix) + id; }

bool is_damage(ErrorKind kind) {
  return kind == ErrorKind::corrupt || kind == ErrorKind::unsupported;
}

SlotInfo store_slot(Repository& repository, const KeyBundle& bundle, const SlotLock& lock,
                    const std::string& label) {
  auto& random = repository.environment().random;
  const auto now = repository.environment().clock.wall_now().seconds;
  const auto sealed = seal_slot(bundle, repository.id(), lock, {label, now}, random);
  auto info = describe_slot(sealed);
  info.id = make_slot_id(random);
  if (storage::put(repository.backend(), object_name(info.id), sealed) !=
      storage::PutOutcome::stored) {
    throw Error(ErrorKind::conflict, "a key slot with the same random name exists");
  }
  return info;
}

bool is_revoked(const std::vector<EpochRecord>& epochs, const crypto::PublicKey& grant_key) {
  return std::ranges::any_of(epochs, [&](const EpochRecord& epoch) {
    return std::ranges::find(epoch.revoked, grant_key) != epoch.revoked.end();
  });
}

StoredEpochs stored_epochs(Repository& repository) {
  auto stored = load_epochs(repository.backend(), list_epoch_copies(repository.backend()),
                            repository.id(), repository.keys().owner_signing_key);
  if (!stored.damage.empty()) throw Error(ErrorKind::corrupt, stored.damage.front());
  return stored;
}

void revoke(std::vector<crypto::PublicKey>& revoked, const crypto::PublicKey& key) {
  if (std::ranges::find(revoked, key) == revoked.end()) revoked.push_back(key);
}

/// Seals the private key of the new epoch to whoever may read and was not revoked: in any case to
/// `own`, who rotates, whatever the store lists.
void grant(const crypto::PublicKey& own, const std::vector<ListedSlot>& slots,
           const crypto::BoxKeyPair& pair, EpochRecord& record, Rotation& rotation) {
  const auto is_revoked = [&](const crypto::PublicKey& key) {
    return std::ranges::find(record.revoked, key) != record.revoked.end();
  };
  if (!is_revoked(own))
    record.grants.push_back({own, crypto::seal_to(own, pair.private_key.view())});
  for (const auto& slot : slots) {
    const auto& key = slot.info.certificate.grant_key;
    if (!slot.damage.empty() || !slot.certified) {
      rotation.left_out.push_back(slot.info.id);
      continue;
    }
    const bool reads = slot.info.role() == Role::owner || slot.info.role() == Role::reader;
    const bool known =
        std::ranges::find(record.grants, key, &EpochGrant::grant_key) != record.grants.end();
    if (!reads || known || is_revoked(key)) continue;
    record.grants.push_back({key, crypto::seal_to(key, pair.private_key.view())});
  }
  rotation.granted = record.grants.size();
}

Rotation begin_epoch(Repository& repository, const std::vector<crypto::PublicKey>& now_revoked) {
  const auto& keys = repository.keys();
  keys.require(Ability::issue_keys);
  auto& backend = repository.backend();
  complete_epoch_copies(backend, repository.id(), keys.owner_signing_key);
  const auto stored = stored_epochs(repository);
  EpochRecord record;
  record.repository = repository.id();
  record.number =
      std::max({keys.newest_epoch().number, stored.newest, repository.newest_epoch_seen()}) + 1;
  if (record.number > epoch_number_max) {
    throw Error(ErrorKind::unsupported,
                fmt::format("a repository has at most {} epochs", epoch_number_max))
        .set_hint("begin a new repository");
  }
  auto pair = crypto::make_box_key_pair(repository.environment().random);
  record.public_key = pair.public_key;
  record.created_seconds = repository.environment().clock.wall_now().seconds;
  for (const auto& epoch : stored.records) {
    for (const auto& key : epoch.revoked)
      revoke(record.revoked, key);
  }
  for (const auto& key : now_revoked)
    revoke(record.revoked, key);
  Rotation rotation;
  rotation.epoch = record.number;
  grant(crypto::box_key_pair_of(keys.grant_key.view()).public_key, list_slots(repository), pair,
        record, rotation);
  const auto object = encode_epoch(record, crypto::signing_key_pair_of(keys.signing_seed.view()));
  const auto names = epoch_names(record.number);
  // The first copy decides: from then on the epoch is there, and who comes later is told.
  if (storage::put(backend, names.front(), object) != storage::PutOutcome::stored) {
    throw Error(ErrorKind::conflict, "somebody else rotates the keys at this moment")
        .set_hint("see 'holdfast key list', and rotate again if it is still needed");
  }
  for (const auto& name : names)
    static_cast<void>(storage::put(backend, name, object));
  repository.learn_epoch({record.number, record.public_key, std::move(pair.private_key)});
  return rotation;
}

const ListedSlot& find_slot(const std::vector<ListedSlot>& slots, const std::string& id) {
  std::vector<const ListedSlot*> found;
  for (const auto& slot : slots) {
    if (slot.info.id == id) return slot;
    if (id.size() >= prefix_size_min && slot.info.id.starts_with(id)) found.push_back(&slot);
  }
  if (found.size() == 1) return *found.front();
  throw Error(found.empty() ? ErrorKind::not_found : ErrorKind::invalid_input,
              fmt::format("{} key slot is called '{}'", found.empty() ? "no" : "more than one",
                          base::printable(id)))
      .set_hint("'holdfast key list' shows them");
}

/// Whether somebody can still do everything when `going` is gone. Shares do not count: they may be
/// lost, and nobody would notice.
bool owner_stays(const std::vector<ListedSlot>& slots, const ListedSlot& going) {
  return std::ranges::any_of(slots, [&](const ListedSlot& slot) {
    return slot.info.id != going.info.id && slot.damage.empty() && slot.certified &&
           slot.info.role() == Role::owner && slot.info.kind != SlotKind::shares;
  });
}

void expect_enough(const std::vector<KeyShare>& shares) {
  if (shares.empty()) throw Error(ErrorKind::invalid_input, "no share was given");
  for (const auto& share : shares) {
    if (share.slot == shares.front().slot && share.threshold == shares.front().threshold) continue;
    throw Error(ErrorKind::invalid_input, "the shares are of different keys");
  }
  if (shares.size() >= shares.front().threshold) return;
  throw Error(ErrorKind::invalid_input,
              fmt::format("{} shares are needed and {} given", unsigned{shares.front().threshold},
                          shares.size()));
}

base::Bytes load_slot(storage::Backend& backend, const std::array<std::byte, 8>& id) {
  return storage::get(backend, object_name(base::to_hex(id)), slot_size_max);
}

}  // namespace

std::vector<ListedSlot> list_slots(Repository& repository) {
  auto& backend = repository.backend();
  std::vector<std::string> names;
  backend.list(std::string(slot_prefix), [&](const storage::ObjectInfo& object) {
    if (names.size() < epoch_slots_max) names.push_back(object.name);
  });
  std::ranges::sort(names);
  std::vector<ListedSlot> slots;
  for (const auto& name : names) {
    ListedSlot slot;
    try {
      slot.info = describe_slot(storage::get(backend, name, slot_size_max));
      if (slot.info.repository != repository.id()) slot.damage = "it is of another repository";
      slot.certified =
          certified(slot.info.certificate, repository.id(), repository.keys().owner_signing_key);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::not_found) continue;  // removed meanwhile
      if (!is_damage(error.kind())) throw;
      slot.damage = error.what();
    }
    slot.info.id = name.substr(slot_prefix.size());
    slots.push_back(std::move(slot));
  }
  return slots;
}

SlotInfo add_slot(Repository& repository, Role role, const SlotLock& lock,
                  const std::string& label) {
  const auto& keys = repository.keys();
  const auto bundle = issue_bundle(keys, role, repository.id(), repository.environment().random);
  return store_slot(repository, bundle, lock, label);
}

Rotation rotate_epoch(Repository& repository) { return begin_epoch(repository, {}); }

Removal remove_slot(Repository& repository, const std::string& id) {
  repository.keys().require(Ability::issue_keys);
  const auto slots = list_slots(repository);
  const auto& going = find_slot(slots, id);
  const auto& key = going.info.certificate.grant_key;
  if (going.certified && going.info.role() == Role::owner && !owner_stays(slots, going)) {
    throw Error(ErrorKind::conflict, "this is the last slot of an owner")
        .set_hint("add another first: holdfast key add --role owner");
  }
  const bool shared = std::ranges::any_of(slots, [&](const ListedSlot& slot) {
    return slot.info.id != going.info.id && slot.info.certificate.grant_key == key;
  });
  Removal removal{going.info, {}};
  if (going.certified && !shared && !is_revoked(stored_epochs(repository).records, key)) {
    removal.rotation = begin_epoch(repository, {key});
  }
  static_cast<void>(repository.backend().remove(object_name(going.info.id)));
  return removal;
}

SlotInfo change_passphrase(Repository& repository, const PassphraseLock& lock) {
  const auto& own = repository.slot();
  if (own.kind != SlotKind::passphrase) {
    throw Error(ErrorKind::invalid_input, "this key slot is not opened by a passphrase")
        .set_hint("an owner adds another slot with 'holdfast key add' and removes this one");
  }
  const auto made = store_slot(repository, repository.keys(), lock, own.label);
  // Also what an interrupted change left behind.
  for (const auto& slot : list_slots(repository)) {
    if (!slot.damage.empty() || slot.info.id == made.id) continue;
    if (slot.info.kind != SlotKind::passphrase) continue;
    if (slot.info.certificate != own.certificate) continue;
    static_cast<void>(repository.backend().remove(object_name(slot.info.id)));
  }
  return made;
}

SplitKey split_key(Repository& repository, unsigned count, unsigned threshold,
                   const std::string& label) {
  repository.keys().require(Ability::issue_keys);
  auto& random = repository.environment().random;
  const auto pair = crypto::make_box_key_pair(random);
  auto shares = crypto::split_secret(pair.private_key, count, threshold, random);
  SplitKey split;
  split.slot =
      add_slot(repository, Role::owner, ShareLock{pair.public_key, count, threshold}, label);
  const auto id = base::from_hex(split.slot.id);
  for (auto& share : shares) {
    KeyShare made;
    std::ranges::copy(id, made.slot.begin());
    made.threshold = static_cast<std::uint8_t>(threshold);
    made.share = std::move(share);
    split.shares.push_back(std::move(made));
  }
  return split;
}

crypto::BoxKeyPair join_key(storage::Backend& backend, std::vector<KeyShare> shares) {
  expect_enough(shares);
  const auto slot = describe_slot(load_slot(backend, shares.front().slot));
  std::vector<crypto::Share> parts;
  parts.reserve(shares.size());
  for (auto& share : shares)
    parts.push_back(std::move(share.share));
  const auto secret = crypto::join_shares(parts);
  auto pair = crypto::box_key_pair_of(secret.view());
  if (pair.public_key == slot.recipient) return pair;
  throw Error(ErrorKind::wrong_key, "the shares rebuild another key than their slot asks for")
      .set_hint("one of them may be of an older split");
}

SlotInfo rehearse(storage::Backend& backend, std::vector<KeyShare> shares) {
  expect_enough(shares);
  const auto id = shares.front().slot;
  const auto object = load_slot(backend, id);
  const auto pair = join_key(backend, std::move(shares));
  const auto format = load_format(backend);
  const auto keys = open_slot(object, format.id, pair);
  if (keys.owner_signing_key != format.owner_signing_key) {
    throw Error(ErrorKind::corrupt, "the slot holds keys of another owner than the repository's");
  }
  auto info = describe_slot(object);
  info.id = base::to_hex(id);
  return info;
}

}  // namespace holdfast::repository
