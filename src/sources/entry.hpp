#pragma once

#include "base/bytes.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

namespace holdfast::sources {

enum class EntryKind : std::uint8_t {
  file = 1,
  directory = 2,
  symlink = 3,
  fifo = 4,
  socket = 5,
  block_device = 6,
  char_device = 7,
};

/// "file", "directory", ... for JSON and messages.
std::string_view name_of(EntryKind kind);
/// The bits of st_mode that say so: S_IFREG, S_IFDIR, ...
mode_t type_of(EntryKind kind);

/// An extended attribute; POSIX ACLs are the ones named system.posix_acl_access and _default.
struct ExtendedAttribute {
  std::string name;
  base::Bytes value;
  bool operator==(const ExtendedAttribute&) const = default;
};

/// A stretch of a file that was never written, in bytes.
struct Hole {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool operator==(const Hole&) const = default;
};

/// Everything a POSIX file has, but for its content. Names and link targets are bytes, not text.
struct Entry {
  std::string name;  // one path component; empty only for the root of a source
  EntryKind kind = EntryKind::file;
  std::uint32_t mode = 0;  // 07777
  std::uint32_t user_id = 0;
  std::uint32_t group_id = 0;
  std::string user_name;  // empty when the id has no name
  std::string group_name;
  std::int64_t mtime_seconds = 0;
  std::uint32_t mtime_nanoseconds = 0;
  std::uint64_t size = 0;       // regular files; 0 for all else
  std::string link_target;      // symlinks
  std::uint64_t device = 0;     // rdev of devices
  std::uint64_t hard_link = 0;  // files with several names share a number that is not 0
  std::vector<ExtendedAttribute> attributes;  // in name order
  std::vector<Hole> holes;                    // in offset order, disjoint
  bool operator==(const Entry&) const = default;
};

/// What tells an unchanged file from a changed one without opening it.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t ctime_seconds = 0;
  std::uint32_t ctime_nanoseconds = 0;
  std::uint32_t link_count = 1;
  bool operator==(const FileIdentity&) const = default;
};

}  // namespace holdfast::sources
