#pragma once

#include "base/bytes.hpp"
#include "wal.hpp"

#include <sqlite3.h>

#include <memory>
#include <optional>
#include <string>

namespace holdfast::sources {

/// A connection that pins a snapshot and lets us read the files behind it.
///
/// How:    all reading goes through SQLite's own file handles. A descriptor of our own would, when
/// closed, drop
///         every POSIX lock this process holds on the database, SQLite's among them.
/// Pin:    SQLite tells nobody which frame of the WAL a read transaction sees. It takes a shared
/// lock on a read
///         mark once it copied the header of the wal-index, and afterwards compares copy and header
///         again, starting over if they differ. So the header as it is at the moment of that lock
///         is the one the transaction uses; we look at exactly that moment, by standing in front of
///         the file's xShmLock.
/// Threads: one at a time, but for read_database and read_wal, which are safe.
class Connection {
public:
  enum class Mode {
    shared,    // locks as SQLite means them
    unlocked,  // nobody can write, or whoever does is noticed by other means: takes no locks, makes
               // no files
  };
  struct Pin {
    int slot;  // of the read mark; 0 is "the WAL is all in the database file, it is not looked at"
    WalIndexHeader wal_index;  // at the moment of the pin
  };

  Connection(const std::string& path, Mode mode, int busy_timeout_ms);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool is_read_only() const;
  /// The name is not that of the file we have open any more.
  bool has_moved() const;
  /// Leaves -wal and -shm as they are when this is the last connection. Else SQLite checkpoints and
  /// removes them.
  void keep_wal_on_close();

  /// Starts the read transaction. Errors: as sqlite_error.
  void begin();
  /// What begin() pinned in WAL mode; nothing with a rollback journal.
  const std::optional<Pin>& pin() const { return pin_; }
  void end();
  /// The wal-index as it is now. Nothing when it cannot be read.
  std::optional<WalIndexHeader> wal_index_now() const;

  std::uint64_t database_size() const;
  /// Fills `into`, what lies behind the end of the file with zeros, as SQLite does.
  void read_database(std::uint64_t offset, base::MutableBytes into) const;
  /// Returns how much there was.
  std::size_t read_wal(std::uint64_t offset, base::MutableBytes into) const;

private:
  struct Observer;
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
  };

  void execute(const char* statement);
  /// False: what was pinned is not known.
  bool try_to_begin();

  const std::string path_;
  std::unique_ptr<Observer> observer_;  // outlives the database, whose file points to it
  std::unique_ptr<sqlite3, Close> database_;
  sqlite3_file* file_ = nullptr;
  std::optional<Pin> pin_;
};

}  // namespace holdfast::sources
