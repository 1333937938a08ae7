#pragma once

#include "base/ids.hpp"
#include "directory.hpp"
#include "repository/snapshot.hpp"

#include <atomic>
#include <deque>
#include <map>
#include <string>
#include <sys/types.h>
#include <utility>

namespace holdfast::restore {

/// Names of one file. The first that the walk meets is restored, the others are linked to it once
/// it is there; never to anything that this run did not restore or compare itself.
struct HardLinkGroup {
  DirectoryRef directory;  // of the first name
  std::string name;
  base::Hash content;  // an entry with other content is not of this group, whatever it says
  // Which inode the first name led to when it was finished. Set by the thread that finished it.
  dev_t device = 0;
  ino_t inode = 0;
  std::atomic<bool> done = false;
};

/// All groups of a run. Threads: one; a group itself is also touched by who finishes its file.
class HardLinks {
public:
  /// The group that `node` belongs to and whether this is its first name (then `directory` and the
  /// name are noted); null when it has one name only.
  struct Membership {
    HardLinkGroup* group = nullptr;
    bool first = false;
  };
  Membership join(const repository::Node& node, const repository::SnapshotItem* item,
                  const DirectoryRef& directory);

private:
  std::map<std::pair<const repository::SnapshotItem*, std::uint64_t>, HardLinkGroup*> groups_;
  std::deque<HardLinkGroup> owned_;
};

}  // namespace holdfast::restore
