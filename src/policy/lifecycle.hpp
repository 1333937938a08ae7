#pragma once

#include "base/clock.hpp"
#include "policy/storage_classes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::policy {

/// Packs of content go into a class, or into another store alone, so long after they were stored.
struct LifecycleRule {
  std::int64_t after_seconds = 0;
  std::string storage_class;  // empty for another store
  std::string store{};        // its name in the configuration; else empty
};

/// A pack of content as a store has it.
struct TieredPack {
  std::uint64_t size = 0;
  std::string storage_class;
  std::optional<base::WallTime> since{};  // in this class
  bool is_archived = false;               // must be thawed before it can be moved
  bool is_leaving = false;                // the next prune deletes it or writes it anew
  bool is_newest = false;  // the newest snapshot of a site needs it, and is kept warm
};

/// Why a pack goes, or stays though a rule is due.
enum class LifecycleReason : std::uint8_t {
  due,
  young,         // no rule is due
  there,         // it is in the class of the rule, or a later one
  leaving,       // it would be paid for longer than it is there
  newest,        // the newest snapshots are to be restored without a thaw
  minimum_time,  // of the class that it is in: leaving it before costs the rest
  archived,      // it would have to be thawed
  unknown_age,   // the store does not say when it was stored
};
std::string_view name_of(LifecycleReason reason);

struct LifecycleChoice {
  LifecycleReason reason = LifecycleReason::young;
  std::string to{};     // of `due` only: a class, or nothing for another store
  std::string store{};  // of `due` only: that store
};

/// One choice for each pack. `rules` are in the order of their times. How old a pack is that a rule
/// moved before is not known exactly: at least as old as that rule says, and the time since.
/// `class_of_new`: what new packs are stored in, where that is not the usual class.
std::vector<LifecycleChoice> plan_lifecycle(std::span<const LifecycleRule> rules,
                                            std::span<const TieredPack> packs,
                                            const PriceList& prices, std::string_view class_of_new,
                                            base::WallTime now);

/// What is wrong with rules; nothing when they can be obeyed.
std::optional<std::string> mistake_in(std::span<const LifecycleRule> rules,
                                      const PriceList& prices);

}  // namespace holdfast::policy
