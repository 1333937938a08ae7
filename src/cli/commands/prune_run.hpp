#pragma once

#include "arguments.hpp"
#include "repository/prune.hpp"
#include "session.hpp"

#include <cstdint>
#include <optional>

namespace holdfast::cli {

/// What prune and forget --prune have in common.
class PruneRun {
public:
  void declare(Arguments& arguments);
  /// Plans, shows the plan, asks where it is unusual, and does it unless `dry_run`. Returns the
  /// exit
  /// code. Errors: as repository::plan_prune and apply_prune; invalid_input when a person must be
  /// asked and there is none.
  int run(Session& session, bool dry_run, bool yes);
  /// Also writes anew what is sealed to an older epoch.
  void reencrypt() { reencrypt_ = true; }

private:
  repository::PruneOptions options(Session& session) const;

  std::optional<std::uint64_t> repack_bytes_max_;
  std::optional<std::uint32_t> repack_below_;
  std::optional<std::uint32_t> grace_;
  bool wait_ = false;
  bool reencrypt_ = false;
};

}  // namespace holdfast::cli
