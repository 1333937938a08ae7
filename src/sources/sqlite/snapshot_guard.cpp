#include "snapshot_guard.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <sys/stat.h>

namespace holdfast::sources {
namespace {

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

/// Other names and another mode are not another content: only writing counts.
bool was_written(const FileState& before, const FileState& now) {
  return before.inode != now.inode || before.device != now.device || before.size != now.size ||
         before.mtime_nanoseconds != now.mtime_nanoseconds;
}

}  // namespace

std::optional<FileState> state_of(const std::string& path) {
  struct stat status{};
  if (::fstatat(AT_FDCWD, path.c_str(), &status, 0) != 0) {
    if (errno == ENOENT) return std::nullopt;
    throw base::system_error(errno, fmt::format("looking at {}", base::printable(path)));
  }
  return FileState{status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
                   nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
}

SnapshotGuard::SnapshotGuard(std::string path, const Connection& connection)
    : path_(std::move(path)),
      pin_(connection.pin()),
      database_(state_of(path_)),
      wal_(state_of(path_ + "-wal")) {
  require(database_.has_value() && !connection.has_moved(), "its file was moved away");
}

void SnapshotGuard::require(bool holds, const char* what) const {
  if (holds) return;
  throw base::Error(base::ErrorKind::conflict,
                    fmt::format("the snapshot of {} was lost: {}", base::printable(path_), what))
      .set_hint("what was read of it is thrown away; the next run takes it again");
}

void SnapshotGuard::check(const Connection& connection, Connection::Mode mode) const {
  if (mode == Connection::Mode::unlocked) {
    const auto wal = state_of(path_ + "-wal");
    require(wal.has_value() == wal_.has_value() && (!wal || !was_written(*wal_, *wal)),
            "somebody wrote to its write-ahead log");
  }
  if (pin_) check_wal_index(connection);
  // With a read mark above 0 checkpoints may go on, up to that mark.
  if (pin_ && pin_->slot > 0) return;
  // A database that was moved away meanwhile cannot be looked at by name; its locks and its content
  // moved along.
  if (connection.has_moved()) return;
  const auto database = state_of(path_);
  require(database && !was_written(*database_, *database), "somebody wrote to it");
}

void SnapshotGuard::check_wal_index(const Connection& connection) const {
  const auto now = connection.wal_index_now();
  require(now.has_value(), "its wal-index is gone");
  const bool is_same_generation = now->salts == pin_->wal_index.salts;
  if (pin_->slot == 0) {
    // The log may have started again, but nothing of the new one can have come into the file.
    require(is_same_generation || now->backfilled == 0, "a checkpoint went past it");
    return;
  }
  const auto slot = static_cast<std::size_t>(pin_->slot);
  require(is_same_generation, "its write-ahead log was started again");
  require(now->read_marks[slot] == pin_->wal_index.read_marks[slot] &&
              now->backfilled <= pin_->wal_index.frame_count,
          "a checkpoint went past it");
}

}  // namespace holdfast::sources
