#pragma once

#include "base/ids.hpp"
#include "repository/repository.hpp"
#include "tomb.hpp"

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace holdfast::repository {

/// Which packs of the index a run may rely on: those that are in the store and that no tomb named
/// when the run began. Made after the run's lease and before it reads the index.
/// Threads: ask and is_doomed from any.
class ReliedPacks {
public:
  explicit ReliedPacks(Repository& repository);

  /// `doomed`: the index knows the chunk, in a pack that may go.
  enum class Answer : std::uint8_t { unknown, there, doomed };
  Answer ask(const base::ChunkId& id) const;
  bool is_doomed(const base::PackId& pack) const { return tombed_.contains(pack); }
  /// The tombs of which nothing is relied on by a run that takes over from `parent` and asks for
  /// all else: whoever made them had seen that the parent does not need what they name.
  std::vector<std::string> tombs_clean_of(const std::optional<base::SnapshotId>& parent) const;
  /// What these tombs name.
  TombedPacks packs_of(const std::vector<std::string>& tombs) const;
  /// Errors: conflict when a pack that ask() answered for, and that a tomb names by now, is gone.
  void validate() const;

private:
  bool is_reliable(std::uint32_t pack) const;
  bool is_stored(const base::PackId& pack) const;
  bool is_present(const base::PackId& pack) const;

  Repository& repository_;
  const std::vector<Tomb> tombs_;
  const TombedPacks tombed_;
  mutable std::once_flag listed_;
  mutable std::vector<base::PackId> present_;  // sorted
  mutable std::once_flag marks_listed_;
  mutable std::set<base::PackId> away_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::uint32_t, bool> reliable_;  // by number in the index
  mutable std::vector<base::PackId> relied_;
};

}  // namespace holdfast::repository
