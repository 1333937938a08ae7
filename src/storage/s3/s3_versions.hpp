// Buckets that keep versions: what is removed is only hidden there unless its versions are
// destroyed one by one, and what is locked cannot be.
//
// An object that is removed while it is locked is held: a note beside the objects says so, whose
// name has the time when the lock ends, and a marker hides the object. So what we hid is told from
// what somebody else did, and is destroyed by the first cleaning after its lock.
#pragma once

#include "s3_objects.hpp"
#include "xml.hpp"

#include <string>
#include <vector>

namespace holdfast::storage {

using Versions = std::vector<ListedVersion>;  // of one key, the newest first

/// Threads: all calls from any.
class S3Versions {
public:
  explicit S3Versions(S3Client& client) : client_(client) {}

  Versions of(const std::string& key);
  /// Destroys all versions of an object that is there, or hides it if one of them is locked.
  RemoveOutcome remove(const std::string& key, const std::string& name, const StoredObject& there);
  /// False when the store does not allow it: it is locked, or the right is missing.
  bool destroy(const std::string& key, const std::string& version);
  std::vector<HeldObject> held();
  /// Destroys what is held and not locked any more; returns how many objects.
  std::size_t remove_unlocked();

private:
  void note_held(const std::string& name, const HeldObject& held);
  void hide(const std::string& key, const std::string& name);
  bool destroy_hidden(const std::string& key);

  S3Client& client_;
};

/// How many of the newest are no real versions but marks that hide the others.
std::size_t count_markers(const Versions& versions);

}  // namespace holdfast::storage
