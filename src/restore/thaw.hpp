#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/progress.hpp"
#include "base/retry.hpp"
#include "restore/restore.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::restore {

/// A pack that is needed and cannot be read as it is.
struct FrozenPack {
  base::PackId id;
  std::uint64_t size = 0;
  std::string storage_class;
  bool is_thawing = false;  // somebody asked for it already
};

/// Whether any pack of the store is in a class that must be thawed.
bool may_be_frozen(storage::Backend& backend);
/// Those of `packs` that must be thawed. Of what the store lists in such a class it is tried if it
/// can be read all the same: it was thawed, the class is one by name only, or another copy has it.
/// Reads a byte of each of these, and nothing where no pack is in such a class. `reads`: what they
/// are read from, when that is not the store itself.
std::vector<FrozenPack> find_frozen(storage::Backend& backend, std::span<const NeededPack> packs,
                                    const std::stop_token& stopping,
                                    storage::Backend* reads = nullptr);

struct ThawOptions {
  std::uint32_t days = 3;  // that what is thawed stays so
  storage::ThawSpeed speed = storage::ThawSpeed::standard;
  /// Of the thaw, from the price list; for the estimate of the time that is left.
  std::int64_t seconds_expected = 0;
};

struct ThawReport {
  std::uint64_t asked = 0;      // packs
  std::uint64_t under_way = 0;  // had been asked for before
  std::uint64_t bytes = 0;      // of all
  std::int64_t seconds_waited = 0;
};

/// Asks for all of `packs`, then waits until each can be read. Another run goes on where one was
/// stopped: nothing is asked for twice.
/// Errors: as ObjectTiers::thaw; unavailable when nothing more is thawed for days. Cancelled, by
/// `sleeper` too.
ThawReport thaw(storage::Backend& backend, std::span<const FrozenPack> packs,
                const ThawOptions& options, const base::Clock& clock, const base::Sleeper& sleeper,
                base::ProgressObserver& progress, const std::stop_token& stopping);

}  // namespace holdfast::restore
