#include "connection.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>

namespace holdfast::sources {
namespace {

constexpr int first_read_slot =
    3;  // of the eight locks of a wal-index: write, checkpoint, recover, five readers
constexpr int read_slot_count = 5;
constexpr int wal_index_region_size = 32768;
constexpr int header_attempts_max = 100;  // a writer changes it within microseconds

bool copy_wal_index(const sqlite3_io_methods& methods, sqlite3_file* file,
                    base::MutableBytes into) {
  volatile void* shared = nullptr;
  if (methods.xShmMap(file, 0, wal_index_region_size, 0, &shared) != SQLITE_OK || !shared)
    return false;
  std::memcpy(into.data(), const_cast<const void*>(shared), into.size());
  return true;
}

base::ErrorKind kind_of(int code, int system_code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return base::ErrorKind::unavailable;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_READONLY:
      return base::ErrorKind::corrupt;
    case SQLITE_FULL:
      return base::ErrorKind::no_space;
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return base::ErrorKind::access_denied;
    case SQLITE_CANTOPEN:
      return system_code != 0 ? base::system_error(system_code, "").kind() : base::ErrorKind::io;
    default:
      return base::ErrorKind::io;
  }
}

const char* hint_of(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return "another process keeps the database locked; end its transaction, or try again later";
    case SQLITE_NOTADB:
      return "an encrypted database cannot be read either; take a dump by a command instead";
    case SQLITE_READONLY:
      return "a transaction was interrupted and must be rolled back first: open the database once "
             "with the right to write";
    case SQLITE_CANTOPEN:
      return "check that the file and its directory can be read, and -wal and -shm be written";
    default:
      return "";
  }
}

base::Error sqlite_error(int code, sqlite3* database, const std::string& doing) {
  const int system_code = database != nullptr ? sqlite3_system_errno(database) : 0;
  base::Error error(
      kind_of(code, system_code),
      fmt::format("{}: {}", doing,
                  database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code)));
  if (const char* hint = hint_of(code); *hint != '\0') error.set_hint(hint);
  return error;
}

/// A file name as the path of a URI.
std::string immutable_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '/' || c == '-' || c == '_' || c == '.';
    if (is_plain)
      uri += c;
    else
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  return uri + "?immutable=1";
}

}  // namespace

/// A copy of the file's methods with our xShmLock. It stands first, so that a file leads to its
/// observer.
struct Connection::Observer {
  sqlite3_io_methods methods;
  const sqlite3_io_methods* original;
  int slot = -1;
  std::array<std::byte, WalIndexHeader::size> header{};

  static int on_shm_lock(sqlite3_file* file, int offset, int count, int flags) noexcept {
    auto* self = reinterpret_cast<Observer*>(const_cast<sqlite3_io_methods*>(file->pMethods));
    const int code = self->original->xShmLock(file, offset, count, flags);
    const int slot = offset - first_read_slot;
    const bool is_reader = (flags & SQLITE_SHM_SHARED) != 0 && slot >= 0 && slot < read_slot_count;
    if (code != SQLITE_OK || !is_reader) return code;
    self->slot = -1;
    if ((flags & SQLITE_SHM_LOCK) != 0 && copy_wal_index(*self->original, file, self->header))
      self->slot = slot;
    return code;
  }
};

Connection::Connection(const std::string& path, Mode mode, int busy_timeout_ms) : path_(path) {
  const bool is_shared = mode == Mode::shared;
  const int flags = SQLITE_OPEN_FULLMUTEX |
                    (is_shared ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  sqlite3* opened = nullptr;
  const std::string name = is_shared ? path : immutable_uri(path);
  const int code = sqlite3_open_v2(name.c_str(), &opened, flags, nullptr);
  database_.reset(opened);
  if (code != SQLITE_OK)
    throw sqlite_error(code, opened, fmt::format("opening {}", base::printable(path_)));
  sqlite3_busy_timeout(opened, busy_timeout_ms);
  sqlite3_file_control(opened, "main", SQLITE_FCNTL_FILE_POINTER, static_cast<void*>(&file_));
  HF_ASSERT(file_ != nullptr && file_->pMethods != nullptr, "an open database has a file");
  HF_ASSERT(file_->pMethods->iVersion >= 2, "the unix VFS has shared memory");
  observer_ = std::make_unique<Observer>(Observer{*file_->pMethods, file_->pMethods});
  observer_->methods.xShmLock = &Observer::on_shm_lock;
  file_->pMethods = &observer_->methods;
}

Connection::~Connection() = default;

bool Connection::is_read_only() const { return sqlite3_db_readonly(database_.get(), "main") == 1; }

bool Connection::has_moved() const {
  int moved = 0;
  sqlite3_file_control(database_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return moved != 0;
}

void Connection::keep_wal_on_close() {
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void Connection::execute(const char* statement) {
  const int code = sqlite3_exec(database_.get(), statement, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK)
    throw sqlite_error(sqlite3_extended_errcode(database_.get()), database_.get(),
                       fmt::format("reading {}", base::printable(path_)));
}

void Connection::begin() {
  // The header is copied in the moment of the lock, which may be within a change of it.
  for (int attempt = 0; attempt < header_attempts_max; ++attempt) {
    if (try_to_begin()) return;
    end();
    sqlite3_sleep(1);
  }
  throw base::Error(
      base::ErrorKind::unavailable,
      fmt::format("reading {}: its wal-index is being rebuilt", base::printable(path_)))
      .set_retry(base::Retry::later);
}

bool Connection::try_to_begin() {
  execute("BEGIN");
  // The first read pins. This one needs no schema: a database with a broken one is taken as it is.
  execute("PRAGMA schema_version");
  pin_.reset();
  if (observer_->slot < 0) return true;
  const auto header = parse_wal_index(observer_->header);
  if (header) pin_ = Pin{observer_->slot, *header};
  return header.has_value();
}

void Connection::end() { execute("COMMIT"); }

std::optional<WalIndexHeader> Connection::wal_index_now() const {
  std::array<std::byte, WalIndexHeader::size> bytes;
  for (int attempt = 0; attempt < header_attempts_max; ++attempt) {
    if (!copy_wal_index(*observer_->original, file_, bytes)) return std::nullopt;
    if (const auto header = parse_wal_index(bytes)) return header;
    sqlite3_sleep(1);
  }
  return std::nullopt;
}

std::uint64_t Connection::database_size() const {
  sqlite3_int64 size = 0;
  const int code = observer_->original->xFileSize(file_, &size);
  if (code != SQLITE_OK)
    throw sqlite_error(code, nullptr, fmt::format("looking at {}", base::printable(path_)));
  return static_cast<std::uint64_t>(size);
}

void Connection::read_database(std::uint64_t offset, base::MutableBytes into) const {
  const int code = observer_->original->xRead(file_, into.data(), static_cast<int>(into.size()),
                                              static_cast<sqlite3_int64>(offset));
  if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
    throw sqlite_error(code, nullptr, fmt::format("reading {}", base::printable(path_)));
}

std::size_t Connection::read_wal(std::uint64_t offset, base::MutableBytes into) const {
  sqlite3_file* wal = nullptr;
  sqlite3_file_control(database_.get(), "main", SQLITE_FCNTL_JOURNAL_POINTER,
                       static_cast<void*>(&wal));
  if (wal == nullptr || wal->pMethods == nullptr) return 0;
  sqlite3_int64 size = 0;
  int code = wal->pMethods->xFileSize(wal, &size);
  const auto end = static_cast<std::uint64_t>(size);
  if (code == SQLITE_OK && offset >= end) return 0;
  const std::size_t count = std::min<std::uint64_t>(into.size(), end - offset);
  if (code == SQLITE_OK)
    code = wal->pMethods->xRead(wal, into.data(), static_cast<int>(count),
                                static_cast<sqlite3_int64>(offset));
  if (code != SQLITE_OK)
    throw sqlite_error(code, nullptr, fmt::format("reading {}-wal", base::printable(path_)));
  return count;
}

}  // namespace holdfast::sources
