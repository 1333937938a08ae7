// Single objects from one store to another as they are, checked on the way.
#pragma once

#include "repository/stored_objects.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <stop_token>
#include <string>

namespace holdfast::copies {

enum class Outcome : std::uint8_t {
  sent,
  mended,     // sent as it was written: what is damaged here was mended from its parity
  was_there,  // somebody else sent it
  damaged,    // not sent: it is not what was written
  gone,       // not sent: it is not here any more
  frozen,     // not sent: it must be thawed here before it is read
};

/// An object that ends with the hash of all before it, as all but packs do.
/// Errors: of `to`; of `from`, but for damage.
Outcome send_envelope(storage::Backend& from, storage::Backend& to, const std::string& name);

/// A pack, every sector against its checksum. Memory: 4 MiB; of a damaged one all of it.
/// Errors: as above; Cancelled.
Outcome send_pack(storage::Backend& from, storage::Backend& to, const repository::StoredPack& pack,
                  const std::stop_token& stopping);

/// Whether the pack in both stores says of itself that it has the same content: their trailers,
/// with the checksums of all sectors, are equal. Errors: as the stores, but for damage.
bool packs_agree(storage::Backend& a, storage::Backend& b, const repository::StoredPack& pack);

/// Whether the pack in `store` is what was written, by the checksums in it; reads all of it.
/// Errors: of the store, but for damage; frozen when it must be thawed before it is read.
bool pack_is_whole(storage::Backend& store, const repository::StoredPack& pack,
                   const std::stop_token& stopping);

}  // namespace holdfast::copies
