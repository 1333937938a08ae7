#include "whole_objects.hpp"

#include "base/error.hpp"
#include "check_findings.hpp"
#include "epochs.hpp"
#include "repository/format_object.hpp"
#include "repository/key_ring.hpp"
#include "repository/snapshot.hpp"
#include "slot_names.hpp"

#include <algorithm>
#include <functional>
#include <vector>

namespace holdfast::repository {

using base::Bytes;
using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t format_size_max = 64 * 1024;
constexpr std::size_t record_object_max = 17UL * 1024 * 1024;

/// What `load` gives, unless it meets damage.
template <class Load>
std::optional<Bytes> unless_damaged(Load&& load) {
  try {
    return load();
  } catch (const Error& error) {
    if (!is_damage(error) && error.kind() != ErrorKind::invalid_input) throw;
    return std::nullopt;
  }
}

/// The first of some equal objects that `is_whole` says.
std::optional<Bytes> first_whole(storage::Backend& backend, const std::vector<std::string>& names,
                                 std::size_t size_max,
                                 const std::function<bool(base::ByteView)>& is_whole) {
  for (const auto& name : names) {
    auto bytes = unless_damaged([&]() -> std::optional<Bytes> {
      auto read = storage::get(backend, name, size_max);
      return is_whole(read) ? std::optional(std::move(read)) : std::nullopt;
    });
    if (bytes) return bytes;
  }
  return std::nullopt;
}

std::optional<Bytes> whole_format(Repository& repository, storage::Backend& in) {
  return first_whole(in, format_names(), format_size_max, [&](base::ByteView bytes) {
    return decode_format(bytes) == repository.format();
  });
}

/// The number in "epochs/0002.1"; nothing when that is no name of a copy.
std::optional<std::uint32_t> epoch_number(const std::string& name) {
  for (std::uint32_t number = 2; number <= epoch_number_max; ++number) {
    const auto names = epoch_names(number);
    if (std::ranges::find(names, name) != names.end()) return number;
  }
  return std::nullopt;
}

std::optional<Bytes> whole_epoch(Repository& repository, storage::Backend& in,
                                 std::uint32_t number) {
  return first_whole(in, epoch_names(number), epoch_object_size_max, [&](base::ByteView bytes) {
    return decode_epoch(bytes, repository.id(), repository.keys().owner_signing_key).number ==
           number;
  });
}

std::optional<Bytes> whole_slot(Repository& repository, Repository& copy, const std::string& name) {
  return first_whole(copy.backend(), {name}, slot_size_max, [&](base::ByteView bytes) {
    const auto slot = describe_slot(bytes);
    return slot.repository == repository.id() &&
           certified(slot.certificate, repository.id(), repository.keys().owner_signing_key);
  });
}

std::optional<Bytes> whole_record(Repository& copy, const std::string& name) {
  return unless_damaged([&]() -> std::optional<Bytes> {
    const auto id = std::string_view(name).substr(name.rfind('/') + 1);
    static_cast<void>(copy.snapshots().load(base::SnapshotId::from_hex(id)));
    return storage::get(copy.backend(), name, record_object_max);
  });
}

std::optional<WholeObject> made_of(RepairKind kind, std::optional<Bytes> bytes, bool from_copy) {
  if (!bytes) return std::nullopt;
  return WholeObject{kind, std::move(*bytes), from_copy};
}

}  // namespace

std::optional<WholeObject> find_whole_object(Repository& repository, Repository* copy,
                                             const std::string& name) {
  const auto formats = format_names();
  if (std::ranges::find(formats, name) != formats.end()) {
    return made_of(RepairKind::format_copy, whole_format(repository, repository.backend()), false);
  }
  if (name.starts_with("epochs/")) {
    const auto number = epoch_number(name);
    if (!number) return std::nullopt;
    auto here = whole_epoch(repository, repository.backend(), *number);
    if (here || copy == nullptr) return made_of(RepairKind::epoch_copy, std::move(here), false);
    return made_of(RepairKind::epoch_copy, whole_epoch(repository, copy->backend(), *number), true);
  }
  if (copy == nullptr) return std::nullopt;
  if (name.starts_with(slot_prefix)) {
    return made_of(RepairKind::key_slot, whole_slot(repository, *copy, name), true);
  }
  if (name.starts_with("snapshots/")) {
    return made_of(RepairKind::record, whole_record(*copy, name), true);
  }
  return std::nullopt;
}

}  // namespace holdfast::repository
