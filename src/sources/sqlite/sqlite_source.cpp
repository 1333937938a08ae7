#include "sources/sqlite/sqlite_source.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/units.hpp"
#include "connection.hpp"
#include "database_header.hpp"
#include "snapshot_guard.hpp"
#include "sources/filesystem/filesystem_source.hpp"
#include "wal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <sys/stat.h>

namespace holdfast::sources {
namespace {

constexpr std::size_t read_size_max =
    64 * base::mib;  // SQLite counts the bytes of a read in an int

/// Where the links of the name lead: beside that file SQLite keeps -wal and -shm.
std::string resolve(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  if (!real)
    throw base::system_error(errno,
                             fmt::format("looking at the database {}", base::printable(path)))
        .set_hint("check that the path is right, and that what should be mounted there is");
  return real.get();
}

void require_regular_file(const std::string& path) {
  struct stat status{};
  if (::fstatat(AT_FDCWD, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    throw base::system_error(errno,
                             fmt::format("looking at the database {}", base::printable(path)));
  if (!S_ISREG(status.st_mode))
    throw base::Error(base::ErrorKind::invalid_input,
                      fmt::format("{} is not a regular file", base::printable(path)));
}

DatabaseHeader header_of(const std::string& path, base::ByteView bytes) {
  return base::with_context([&] { return fmt::format("reading {}", base::printable(path)); },
                            [&] { return parse_database_header(bytes); });
}

class SqliteSource final : public PagedSource {
public:
  /// `connection` has begun.
  SqliteSource(std::string path, std::unique_ptr<Connection> connection, Connection::Mode mode)
      : path_(std::move(path)),
        mode_(mode),
        connection_(std::move(connection)),
        guard_(path_, *connection_) {
    if (mode_ == Connection::Mode::unlocked && guard_.wal())
      wal_file_ = base::open_file(path_ + "-wal", O_RDONLY | O_NOFOLLOW);
    base::with_context([&] { return fmt::format("reading {}", base::printable(path_)); },
                       [&] { load(); });
  }

  const std::string& path() const override { return path_; }

  ListedEntry root(const ProblemSink& problems) override {
    ListedEntry listed = open_filesystem(path_, {})->root(problems);
    listed.entry.size = page_count_ * header_.page_size;
    listed.entry.hard_link = 0;  // pages are stored once for this name, whatever others there are
    return listed;
  }

  std::vector<Entry> ancestors() override { return open_filesystem(path_, {})->ancestors(); }
  std::uint32_t page_size() const override { return header_.page_size; }
  std::uint64_t page_count() const override { return page_count_; }

  void read_pages(std::uint64_t first, base::MutableBytes into) override {
    const std::size_t page_size = header_.page_size;
    const std::uint64_t end = first + into.size() / page_size;
    HF_ASSERT(into.size() % page_size == 0, "whole pages are read");
    HF_ASSERT(end >= first && end <= page_count_, "only pages that exist are read");
    const std::lock_guard lock(mutex_);
    HF_ASSERT(connection_ != nullptr, "a released snapshot is not read");
    for (std::uint64_t page = first; page < end;) {
      const std::uint64_t run_end = end_of_run(page, end);
      const std::size_t size = std::max<std::uint64_t>(run_end - page, 1) * page_size;
      const base::MutableBytes piece = into.subspan((page - first) * page_size, size);
      read_run(page, piece);
      page += size / page_size;
    }
  }

  ConsistencyStamp stamp() const override {
    ConsistencyStamp stamp{"sqlite", {}};
    const auto add = [&](const char* name, auto value) {
      stamp.values.emplace_back(name, fmt::format("{}", value));
    };
    add("journal", header_.is_wal ? "wal" : "rollback");
    add("page_size", header_.page_size);
    add("page_count", page_count_);
    add("change_counter", header_.change_counter);
    add("schema_cookie", header_.schema_cookie);
    if (overlay_.frame_count() > 0) {
      add("wal_salt", base::to_hex(overlay_.salts()));
      add("wal_frame", overlay_.frame_count());
    }
    return stamp;
  }

  /// In WAL mode the change counter stands still, so the place in the log counts; and in both modes
  /// the times of the file, which also see what was done to it without SQLite.
  std::string change_token() const override {
    const FileState& file = guard_.database();
    return fmt::format("sqlite-1:{}:{}:{}:{}:{}:{}:{}:{}:{}:{:08x}{:08x}", file.device, file.inode,
                       file.size, file.mtime_nanoseconds, file.ctime_nanoseconds, page_count_,
                       header_.change_counter, base::to_hex(overlay_.salts()),
                       overlay_.frame_count(), overlay_.checksum()[0], overlay_.checksum()[1]);
  }

  void release() override {
    const std::lock_guard lock(mutex_);
    HF_ASSERT(connection_ != nullptr, "a snapshot is released once");
    const std::unique_ptr<Connection> connection = std::move(connection_);
    guard_.check(*connection, mode_);
    connection->end();
  }

private:
  void load() {
    const auto& pin = connection_->pin();
    const auto read = [&](std::uint64_t offset, base::MutableBytes into) {
      return wal_file_ ? base::read_at(wal_file_.get(), offset, into, path_ + "-wal")
                       : connection_->read_wal(offset, into);
    };
    if (pin && pin->slot > 0 && pin->wal_index.frame_count > 0)
      overlay_ = WalOverlay::read_pinned(read, pin->wal_index);
    else if (wal_file_)
      overlay_ = WalOverlay::recover(read);
    if (connection_->database_size() > 0 || overlay_.frame_count() > 0) {
      std::array<std::byte, DatabaseHeader::size> bytes;
      read_run(0, bytes);
      header_ = parse_database_header(bytes);
    }
    if (overlay_.frame_count() > 0 && overlay_.page_size() != header_.page_size)
      throw base::Error(base::ErrorKind::corrupt, "its write-ahead log has pages of another size");
    std::uint64_t in_files =
        (connection_->database_size() + header_.page_size - 1) / header_.page_size;
    if (overlay_.frame_count() > 0) in_files = overlay_.page_count();
    page_count_ = header_.pages(in_files);
    if (page_count_ > in_files)
      throw base::Error(base::ErrorKind::corrupt,
                        fmt::format("it has {} of {} pages", in_files, page_count_))
          .set_hint("the file was cut: look at it with PRAGMA integrity_check");
  }

  /// The end of the pages from `page` on that are in the database file; `page` itself when it is in
  /// the WAL.
  std::uint64_t end_of_run(std::uint64_t page, std::uint64_t limit) const {
    limit = std::min<std::uint64_t>(limit, page + read_size_max / header_.page_size);
    if (overlay_.frame_count() == 0) return limit;
    while (page < limit && !overlay_.offset_of(static_cast<std::uint32_t>(page + 1)))
      ++page;
    return page;
  }

  /// Pages from `page` on that lie one behind the other in one of the two files.
  void read_run(std::uint64_t page, base::MutableBytes into) const {
    const auto in_wal = overlay_.offset_of(static_cast<std::uint32_t>(page + 1));
    if (!in_wal) {
      connection_->read_database(page * header_.page_size, into);
      return;
    }
    const std::size_t got = wal_file_
                                ? base::read_at(wal_file_.get(), *in_wal, into, path_ + "-wal")
                                : connection_->read_wal(*in_wal, into);
    if (got != into.size())
      throw base::Error(base::ErrorKind::conflict,
                        fmt::format("{}-wal was cut while it was read", base::printable(path_)));
  }

  const std::string path_;
  const Connection::Mode mode_;
  std::mutex mutex_;
  std::unique_ptr<Connection> connection_;  // null once released
  base::Fd wal_file_;                       // unlocked only: there SQLite does not look at the log
  const SnapshotGuard guard_;
  WalOverlay overlay_;
  DatabaseHeader header_;
  std::uint64_t page_count_ = 0;
};

/// In WAL mode, but neither -wal nor a right to make one: or a wal-index that we may not lock.
std::unique_ptr<PagedSource> open_unlocked(const std::string& path) {
  auto connection = std::make_unique<Connection>(path, Connection::Mode::unlocked, 0);
  connection->begin();
  return std::make_unique<SqliteSource>(path, std::move(connection), Connection::Mode::unlocked);
}

}  // namespace

std::unique_ptr<PagedSource> open_sqlite(const std::string& path, int busy_timeout_ms) {
  const std::string real = resolve(path);
  require_regular_file(real);
  const bool had_wal = state_of(real + "-wal").has_value();
  auto connection = std::make_unique<Connection>(real, Connection::Mode::shared, busy_timeout_ms);
  std::array<std::byte, DatabaseHeader::size> bytes;
  connection->read_database(0, bytes);
  const bool is_empty = connection->database_size() == 0;
  const bool is_wal = header_of(real, is_empty ? base::ByteView() : bytes).is_wal;
  // A connection that may only read makes -wal and -shm and cannot take them away again.
  if (is_wal && connection->is_read_only() && !had_wal) return open_unlocked(real);
  if (had_wal) connection->keep_wal_on_close();
  try {
    connection->begin();
  } catch (const base::Error& error) {
    const bool may_write =
        ::access(real.c_str(), W_OK) == 0 && ::access((real + "-shm").c_str(), W_OK) == 0;
    if (!is_wal || may_write || error.kind() == base::ErrorKind::unavailable) throw;
    return open_unlocked(real);
  }
  if (is_wal && !connection->pin()) return open_unlocked(real);
  return std::make_unique<SqliteSource>(real, std::move(connection), Connection::Mode::shared);
}

std::vector<std::string> sqlite_companions(const std::string& path) {
  std::vector<std::string> companions;
  const auto add = [&](const std::string& database) {
    for (const char* suffix : {"-wal", "-shm", "-journal"})
      companions.push_back(database + suffix);
  };
  add(path);
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  if (real && real.get() != path) add(real.get());
  return companions;
}

}  // namespace holdfast::sources
