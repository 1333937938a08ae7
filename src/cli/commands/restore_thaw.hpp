#pragma once

#include "arguments.hpp"
#include "repository/snapshot.hpp"
#include "restore/restore.hpp"
#include "restore/thaw.hpp"
#include "session.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace holdfast::cli {

/// What of a restore is about packs that must be thawed before they are read.
class RestoreThaw {
public:
  void declare(Arguments& arguments);
  /// Errors: invalid_input for options that exclude each other.
  void check() const;
  bool only_plans() const { return plan_; }
  /// Prints which packs `request` needs and what a thaw takes. Writes nothing.
  void report(Session& session, const repository::Snapshot& snapshot,
              restore::RestoreRequest request) const;
  /// Before anything is written: thaws what is frozen when that is asked for.
  /// Errors: frozen, with what a thaw takes, when it is not; as restore::thaw.
  void prepare(Session& session, const repository::Snapshot& snapshot,
               restore::RestoreRequest request) const;

private:
  storage::ThawSpeed speed() const;
  std::uint32_t days() const { return days_.value_or(restore::ThawOptions{}.days); }
  struct FrozenPlace;
  struct Needs;
  /// Adds what is frozen of `packs` in a store, where they are.
  void add_place(Session& session, storage::Backend& store, const config::TierSettings& settings,
                 std::span<const restore::NeededPack> packs, Needs& needs) const;
  Needs needs_of(Session& session, const repository::Snapshot& snapshot,
                 restore::RestoreRequest request) const;
  void thaw(Session& session, const Needs& needs) const;

  bool plan_ = false;
  bool thaw_ = false;
  std::optional<std::uint32_t> days_;
  std::optional<std::string> speed_;
};

}  // namespace holdfast::cli
