#pragma once

#include "base/ids.hpp"
#include "copy_targets.hpp"
#include "session.hpp"

#include <memory>
#include <string>
#include <vector>

namespace holdfast::cli {

/// The copies that a backup keeps up to date while it runs. What goes wrong with one of them is
/// told at the end and never stops the backup, nor the other copies.
class BackupCopies {
public:
  BackupCopies();
  ~BackupCopies();

  /// Once the repository is open: begins with those of `sites`, each in a thread of its own.
  void begin(Session& session, const std::vector<std::string>& sites);
  /// From any thread; returns at once.
  void stored(const base::PackId& pack);
  /// When all snapshots are made: waits for the copies, and reports each in the JSON array
  /// "copies".
  void finish(Session& session);

private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::cli
