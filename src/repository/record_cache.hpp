// Sealed records as they lie in the store, kept on this machine: a run over a slow store would read
// a thousand small objects each time. They are opened and verified like those of the store, so a
// damaged file is only fetched again.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "sealed_record.hpp"

#include <optional>
#include <set>
#include <string>

namespace holdfast::repository {

/// Without a directory it keeps nothing. Threads: all calls from any thread.
class RecordCache {
public:
  explicit RecordCache(std::string directory) : directory_(std::move(directory)) {}

  std::optional<base::Bytes> find(const RecordKind& kind, const base::Hash& id) const;
  /// A cache that cannot be written is no reason to fail: the next run reads the store again.
  void add(const RecordKind& kind, const base::Hash& id, base::ByteView object) const;
  /// Removes all but `names` (ids in hexadecimal): what the store no longer has.
  void keep_only(const RecordKind& kind, const std::set<std::string>& names) const;

private:
  std::string path_of(const RecordKind& kind, const base::Hash& id) const;

  const std::string directory_;
};

}  // namespace holdfast::repository
