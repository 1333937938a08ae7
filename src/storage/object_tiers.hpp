#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::storage {

/// Whether an object can be read, and in which class of the store it is.
struct ObjectTier {
  /// `frozen`: it must be thawed. `thawed`: a copy of it can be read for some days.
  enum class State : std::uint8_t { readable, frozen, thawing, thawed };
  State state = State::readable;
  std::string storage_class{};                     // as the store calls it
  std::optional<base::WallTime> readable_until{};  // of a thawed one
  bool can_be_read() const { return state == State::readable || state == State::thawed; }
};

struct TieredObject {
  std::string name;
  std::uint64_t size = 0;
  std::string storage_class{};            // as the store calls it
  bool is_archived = false;               // must be thawed before it is read
  std::optional<base::WallTime> since{};  // in this class; nothing: the store does not say
};

/// The quickest costs most. A class with one speed alone has that, whichever is asked for.
enum class ThawSpeed : std::uint8_t { expedited, standard, bulk };
std::string_view name_of(ThawSpeed speed);

/// Classes in which a store keeps objects, dear to keep and cheap to read or the other way round.
/// Nothing here is done by itself: who thaws and moves pays for it.
/// Threads: every call may be made from any. Errors: as Backend.
class ObjectTiers {
public:
  virtual ~ObjectTiers() = default;

  /// Whose classes they are: "s3", "oss", "cos".
  virtual std::string_view cloud() const = 0;
  /// In no particular order; `prefix` as of Backend::list.
  virtual void list(const std::string& prefix,
                    const std::function<void(const TieredObject&)>& visit) = 0;
  /// Nothing when there is no such object.
  virtual std::optional<ObjectTier> look(const std::string& name) = 0;
  enum class Thaw : std::uint8_t { begun, under_way, readable };
  /// Asks for a copy that can be read for so many days. An object that is being thawed, or was and
  /// stays so for a day, is left alone. Errors: not_found; unsupported when the class has not that
  /// speed.
  virtual Thaw thaw(const std::string& name, std::uint32_t days, ThawSpeed speed) = 0;
  /// Puts it into another class, with the same bytes under the same name. False when there is no
  /// such object. Errors: frozen when it must be thawed for that; unsupported when it is locked.
  virtual bool move(const std::string& name, const std::string& storage_class) = 0;
};

}  // namespace holdfast::storage
