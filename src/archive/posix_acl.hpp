#pragma once

#include "base/bytes.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace holdfast::archive {

/// One entry of a POSIX access list. `tag` and `permissions` (rwx as in modes, 0 to 7) are those of
/// the kernel; `id` is the user's or group's, for the tags `user` and `group` only.
struct AclEntry {
  enum class Tag : std::uint16_t {
    owner = 0x01,
    user = 0x02,
    owning_group = 0x04,
    group = 0x08,
    mask = 0x10,
    other = 0x20,
  };
  Tag tag = Tag::owner;
  std::uint16_t permissions = 0;
  std::uint32_t id = 0;
  bool operator==(const AclEntry&) const = default;
};

/// The value of system.posix_acl_access or _default as the kernel gives it; nothing when it is
/// none.
std::optional<std::vector<AclEntry>> parse_posix_acl(base::ByteView value);

}  // namespace holdfast::archive
