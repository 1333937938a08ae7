// Files of the server, by path: what the backend is made of.
#pragma once

#include "connection.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::storage {

/// Throws what `status` says about `doing`; nothing when it is ok.
void throw_unless_ok(const Connection& connection, const Status& status, const std::string& doing);
/// The status that answers `ticket`. Errors: io when the answer is none.
Status wait_status(Connection& connection, Connection::Ticket ticket);
/// Nothing when there is no such file.
std::optional<FileAttributes> stat_file(Connection& connection, const std::string& path);
/// Asks at once whether the directory `root` of a store is there, and waits for the answer only
/// when it matters.
class DirectoryCheck {
public:
  DirectoryCheck(Connection& connection, std::string root);
  ~DirectoryCheck();
  DirectoryCheck(const DirectoryCheck&) = delete;
  DirectoryCheck& operator=(const DirectoryCheck&) = delete;

  /// Once. Errors: not_found unless it was there.
  void require();

private:
  Connection& connection_;
  const std::string root_;
  std::optional<Connection::Ticket> asked_;
};
/// The same, at once.
void require_directory(Connection& connection, const std::string& root);
/// Free bytes below `path`; nothing when the server does not say.
std::optional<std::uint64_t> free_bytes(Connection& connection, const std::string& path);
Status remove_file(Connection& connection, const std::string& path);
/// Makes directories that miss below `root`, which must be there; mode 0700.
void make_directories(Connection& connection, const std::string& root, const std::string& path);

/// An open file; closed when dropped.
class RemoteFile {
public:
  enum class Mode {
    read,
    create,  // one that is not there
    resume,  // to write more into one that is
  };
  /// Errors: not_found, access_denied, ...
  RemoteFile(std::shared_ptr<Connection> connection, const std::string& path, Mode mode);
  ~RemoteFile();
  RemoteFile(const RemoteFile&) = delete;
  RemoteFile& operator=(const RemoteFile&) = delete;

  Connection& connection() const { return *connection_; }
  const std::shared_ptr<Connection>& shared_connection() const { return connection_; }
  /// As Backend::read, with all requests under way at once. The file must not grow meanwhile.
  std::size_t read(std::uint64_t offset, base::MutableBytes into) const;
  /// Asks for the bytes to be written; at most `request_size_max` of them.
  Connection::Ticket write(std::uint64_t offset, base::ByteView bytes) const;
  /// Asks for all that was written to be durable. Only where has_sync().
  Connection::Ticket sync() const;
  bool has_sync() const;

  /// Every server takes so much in one request.
  static constexpr std::size_t request_size_max = 32 * 1024;

private:
  const std::shared_ptr<Connection> connection_;
  void ask_for_size() const;

  const std::string path_;
  base::Bytes handle_;
  static constexpr std::uint64_t unknown_size = UINT64_MAX;
  mutable std::atomic<std::uint64_t> size_ = unknown_size;  // of an object it stays the same
};

/// The entries of several directories, with all requests under way at once; of each its position in
/// `paths`, or nothing when it is not there.
std::vector<std::optional<std::vector<DirectoryEntry>>> list_directories(
    Connection& connection, const std::vector<std::string>& paths);

}  // namespace holdfast::storage
