#pragma once

#include "crypto/shamir.hpp"
#include "repository/key_slot.hpp"
#include "repository/key_text.hpp"
#include "repository/repository.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::repository {

/// A key slot in the store, or why it cannot be read.
struct ListedSlot {
  SlotInfo info;
  std::string damage;      // empty when it is whole
  bool certified = false;  // whether the owner signed for it
};
/// In the order of their ids.
std::vector<ListedSlot> list_slots(Repository& repository);
/// Makes a slot of `role` with keys of its own. Errors: access_denied unless the owner asks.
SlotInfo add_slot(Repository& repository, Role role, const SlotLock& lock,
                  const std::string& label);

struct Rotation {
  std::uint32_t epoch = 0;
  std::size_t granted = 0;            // slots that can read it
  std::vector<std::string> left_out;  // slots that the owner did not certify, or that are damaged
};
/// Begins an epoch: what is written from now on is sealed to a new key pair, whose private half is
/// sealed to every slot that may read. `repository` uses it at once; nothing else may run in it.
/// Durable and whole when it returns; after a kill there is a new epoch or there is none.
/// Errors: access_denied unless the owner asks; conflict when somebody else rotates.
Rotation rotate_epoch(Repository& repository);

struct Removal {
  SlotInfo removed;
  std::optional<Rotation> rotation;  // when its keys were not revoked before
};
/// Removes the slot with this id or unique prefix of it, and begins an epoch without it.
/// Errors: not_found; conflict for the last slot of an owner; as rotate_epoch.
Removal remove_slot(Repository& repository, const std::string& id);
/// A new slot with the keys that opened the repository; then those that it replaces go.
/// Errors: invalid_input when it was not opened by a passphrase.
SlotInfo change_passphrase(Repository& repository, const PassphraseLock& lock);

/// A new owner's slot that `threshold` of `count` shares open.
struct SplitKey {
  SlotInfo slot;
  std::vector<KeyShare> shares;
};
SplitKey split_key(Repository& repository, unsigned count, unsigned threshold,
                   const std::string& label);
/// The private key that the shares rebuild, checked against the public one in their slot.
/// Errors: invalid_input when they are too few or do not belong together; not_found when their slot
/// is gone; wrong_key when they rebuild another key.
crypto::BoxKeyPair join_key(storage::Backend& backend, std::vector<KeyShare> shares);
/// Opens their slot with it and throws the keys away. Errors: as join_key and open_slot.
SlotInfo rehearse(storage::Backend& backend, std::vector<KeyShare> shares);

}  // namespace holdfast::repository
