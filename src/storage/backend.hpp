#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "storage/object_locks.hpp"
#include "storage/object_tiers.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::storage {

struct ObjectInfo {
  std::string name;
  std::uint64_t size = 0;
  bool is_archived = false;  // in a class that must be thawed before it is read; told by list only
  std::optional<base::WallTime> since{};  // stored; told by list of some stores only
  /// Of what was stored; when is no part of that.
  bool operator==(const ObjectInfo& other) const {
    return name == other.name && size == other.size && is_archived == other.is_archived;
  }
};

/// What a store says of itself; many say nothing.
struct StoreStatus {
  std::optional<std::uint64_t> free_bytes;  // for new objects of this user
  std::optional<base::WallTime> time;       // its own clock
};

enum class PutOutcome : std::uint8_t { stored, already_there };
/// `held`: the object is gone for everybody, and the store keeps its bytes until its lock ends.
enum class RemoveOutcome : std::uint8_t { removed, was_absent, held };

/// An object while it is written. It is invisible until commit; dropping it without abandons it.
/// After an error nothing can be done with it but that.
/// Threads: one at a time.
class ObjectWriter {
public:
  virtual ~ObjectWriter() = default;
  /// Says, before the first append, that it is content, which only restores read: a store may keep
  /// it where keeping is cheap and reading is not.
  virtual void is_content() {}
  virtual void append(base::ByteView bytes) = 0;
  /// When this returns `stored`, the object is durable, whole and visible. `already_there`: another
  /// object has the name and stays as it is.
  [[nodiscard]] virtual PutOutcome commit() = 0;
};

/// A place that keeps named, immutable objects. It knows names and bytes only.
///
/// Names:   one to four parts of [a-z0-9._-] joined by '/', at most 200 bytes, no part starts with
/// '.'.
///          Anything else throws invalid_input before anything is touched.
/// Errors:  not_found, access_denied, no_space, unavailable, io, and frozen when what is read must
///          be thawed first (see object_tiers.hpp); each names the object and the store.
/// Threads: every call may be made from any thread at any time.
/// The contract suite in contract_suite.hpp is what "is a Backend" means.
class Backend {
public:
  virtual ~Backend() = default;

  /// For messages: "file:///backup/repo", without secrets.
  virtual std::string describe() const = 0;
  virtual std::unique_ptr<ObjectWriter> create(const std::string& name) = 0;
  /// Fills `into` from `offset`; returns how much there was (less only at the object's end).
  virtual std::size_t read(const std::string& name, std::uint64_t offset,
                           base::MutableBytes into) = 0;
  /// Says that what the caller read of the object, from `damaged` places one after the other (1 the
  /// first time), is not what was written. True when it is in yet another place, from which it is
  /// read from now on.
  virtual bool read_elsewhere(const std::string& name, std::size_t damaged) {
    static_cast<void>(name);
    static_cast<void>(damaged);
    return false;
  }
  virtual std::optional<ObjectInfo> stat(const std::string& name) = 0;
  /// Calls `visit` for every object whose name starts with `prefix` (empty, or ending in '/'), in
  /// no particular order. Objects that come or go meanwhile may or may not be seen.
  virtual void list(const std::string& prefix,
                    const std::function<void(const ObjectInfo&)>& visit) = 0;
  /// A removed object may come back after a power cut; a stored one does not go.
  virtual RemoveOutcome remove(const std::string& name) = 0;
  /// Removes what writers that died left behind and nobody else can see, and what was held and is
  /// not locked any more; returns how many.
  virtual std::size_t remove_leftovers() = 0;
  virtual StoreStatus status() { return {}; }
  /// How many transfers at once may bring more than one does: 1 where the line is no matter.
  virtual unsigned transfers_max() const { return 1; }
  /// Makes one more of the connections that many transfers at once will want, where that takes
  /// time. Nobody has to call it; any thread may, and several at once. Errors: as of a transfer.
  virtual void connect() {}
  /// Null: no object is ever locked here, and what is removed is gone.
  virtual ObjectLocks* locks() { return nullptr; }
  /// Null: all objects are in one class and can be read at any time.
  virtual ObjectTiers* tiers() { return nullptr; }
};

/// Writes a whole small object if the name is free.
[[nodiscard]] PutOutcome put(Backend& backend, const std::string& name, base::ByteView bytes);
/// Reads a whole object, in one call when it has less than 32 KiB or no more than `size_likely`
/// bytes. Errors: corrupt if it is larger than `size_max`.
base::Bytes get(Backend& backend, const std::string& name, std::size_t size_max,
                std::uint64_t size_likely = 32 * 1024);
/// Whether `name` is one as described above. A store may hold other things, which are none of ours.
bool is_object_name(std::string_view name);
/// Errors: throws invalid_input when `name` is not a name as described above.
void check_name(const std::string& name);
/// Errors: throws invalid_input unless `prefix` is empty or a name followed by '/'.
void check_prefix(const std::string& prefix);

}  // namespace holdfast::storage
