#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace holdfast::storage {

/// How long a store locks each new object that is kept for long.
struct LockTerms {
  std::int64_t period_seconds = 0;  // 0: none is locked
  std::int64_t slack_seconds = 0;   // so much longer at first, so that locks are prolonged seldom
  /// `when_over`: a lock that has begun cannot be prolonged, and the next begins when it is over.
  enum class Renewal : std::uint8_t { at_any_time, when_over };
  Renewal renewal = Renewal::at_any_time;
};

/// An object that was removed while it was locked: its bytes stay in the store so long.
struct HeldObject {
  std::string name;
  std::uint64_t size = 0;
  base::WallTime until;
};

/// An object that somebody else changed, whose true bytes are still there.
struct AlteredObject {
  enum class How : std::uint8_t { hidden, overwritten };
  std::string name;
  How how = How::hidden;
  bool operator==(const AlteredObject&) const = default;
};

/// What a store can do that keeps objects from being removed for a time, and older versions of
/// them. Threads: every call may be made from any. Errors: as Backend.
class ObjectLocks {
public:
  virtual ~ObjectLocks() = default;

  /// Tells stores apart that are described alike: for what is remembered of one.
  virtual std::string identity() const = 0;
  virtual LockTerms terms() const = 0;
  /// Tries whether a locked object can be destroyed; once.
  /// Errors: unsupported when objects are to be locked and the store does not do it.
  virtual void expect_enforced() = 0;
  /// Until when nobody can destroy the object; nothing when it is not locked or not there.
  virtual std::optional<base::WallTime> locked_until(const std::string& name) = 0;
  /// Locks an object that is there until then at least, or as long as the store does where locks
  /// are renewed when they are over. Errors: access_denied without the right to, not_found.
  virtual void lock(const std::string& name, base::WallTime until) = 0;
  /// Keeps an object that is there from being destroyed, also after its lock ended, until it is
  /// released (a legal hold). Errors: access_denied without the right to, not_found.
  virtual void hold(const std::string& name) = 0;
  virtual void release(const std::string& name) = 0;
  /// Releases what was removed while it was held so.
  virtual void release_removed() = 0;
  /// What was removed and is still there, in no particular order.
  virtual void list_held(const std::function<void(const HeldObject&)>& visit) = 0;
  /// Objects that were hidden or overwritten by anything but Holdfast, in no particular order.
  virtual void list_altered(const std::function<void(const AlteredObject&)>& visit) = 0;
  /// Makes the true bytes those that are read. False when what lies over them cannot be removed.
  virtual bool bring_back(const AlteredObject& object) = 0;
};

}  // namespace holdfast::storage
