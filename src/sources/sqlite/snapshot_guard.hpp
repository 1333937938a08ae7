#pragma once

#include "connection.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast::sources {

/// What of a file changes when somebody writes to it. Equal states mean an untouched file.
struct FileState {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t mtime_nanoseconds = 0;
  std::int64_t ctime_nanoseconds = 0;
  bool operator==(const FileState&) const = default;
};

/// Nothing when there is no such file. Opens nothing: closing a database file would drop SQLite's
/// locks.
std::optional<FileState> state_of(const std::string& path);

/// Proves at the end that nobody wrote what we read, whatever happened to our locks (another part
/// of this process that opened and closed the database would have dropped them).
class SnapshotGuard {
public:
  /// Made while the snapshot is pinned.
  SnapshotGuard(std::string path, const Connection& connection);
  const FileState& database() const { return *database_; }
  const std::optional<FileState>& wal() const { return wal_; }
  /// Errors: conflict when the snapshot cannot be trusted.
  void check(const Connection& connection, Connection::Mode mode) const;

private:
  void require(bool holds, const char* what) const;
  void check_wal_index(const Connection& connection) const;

  const std::string path_;
  const std::optional<Connection::Pin> pin_;
  std::optional<FileState> database_;
  std::optional<FileState> wal_;
};

}  // namespace holdfast::sources
