// Which records of a repository this machine has seen. A store that serves an older state, or one
// that somebody wrote to after going back, is consistent in itself: only memory outside of it
// tells.
#pragma once

#include "base/ids.hpp"
#include "crypto/keys.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::repository {

struct SeenRecord {
  base::Hash id;
  bool is_deletion = false;
  crypto::PublicKey writer{};
  std::uint64_t sequence = 0;
  auto operator<=>(const SeenRecord&) const = default;
};

/// A file `seen` in a directory of this machine; without a directory nothing is remembered.
/// Threads: const calls from any thread; of two that save at once, one is kept.
class SeenRecords {
public:
  explicit SeenRecords(std::string directory) : directory_(std::move(directory)) {}

  /// Ascending; none at the first sight, and when the file was lost or damaged.
  std::vector<SeenRecord> load() const;
  /// Replaces all. A machine that cannot remember goes on: the next sight is the first again.
  void save(std::vector<SeenRecord> records) const;

private:
  std::string path() const { return directory_ + "/seen"; }

  const std::string directory_;
};

}  // namespace holdfast::repository
