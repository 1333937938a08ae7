#pragma once

#include "base/fd.hpp"
#include "base/ids.hpp"
#include "restore/restore.hpp"

#include <string>

namespace holdfast::restore {

/// The directory that things come back to.
///
/// While a restore into a new directory runs, and after it was interrupted, a file in it says of
/// which snapshot: with it the same restore may go on there, without it a directory must be empty.
class Target {
public:
  static constexpr const char* marker_name = ".holdfast-unfinished-restore";

  /// Makes the directory (0700) and what is missing above it; in a dry run just looks.
  /// Errors: conflict when it is not empty and that was not allowed; invalid_input.
  Target(const RestoreRequest& request, const base::SnapshotId& snapshot);

  /// Not open when the directory does not exist, in a dry run.
  base::Fd& handle() { return handle_; }
  bool made() const { return made_; }
  bool exists() const { return static_cast<bool>(handle_); }
  /// The run came to its end: what it left as problems is not mended by running again.
  void finished();

private:
  bool is_marked() const;
  void mark() const;

  const RestoreRequest& request_;
  const std::string mark_;
  base::Fd handle_;
  bool made_ = false;
  bool marked_ = false;
};

}  // namespace holdfast::restore
