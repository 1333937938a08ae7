#pragma once

#include "context.hpp"
#include "repository/snapshot.hpp"

#include <string>
#include <vector>

namespace holdfast::restore {

/// Removes what the snapshot does not have, when that was asked for.
class Extras {
public:
  /// Errors: conflict when `snapshot` is partial and does not say what all is missing in it: what
  /// could not be backed up would be taken for extra.
  Extras(const Context& context, const repository::Snapshot& snapshot);

  bool wanted() const { return context_.request.delete_extra; }
  /// Removes `name` and all below it, or notes that it would. Left alone, and reported: mount
  /// points, and what the backup could not read.
  /// Returns whether it is (or would be) gone.
  bool remove(const Directory& directory, const std::string& name);

private:
  /// Whether the backup had a problem at `path`, above or below it.
  bool unknown_to_snapshot(const std::string& path) const;

  const Context& context_;
  std::vector<std::string> problem_paths_;  // in byte order
};

}  // namespace holdfast::restore
