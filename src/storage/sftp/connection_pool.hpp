#pragma once

#include "connection.hpp"
#include "storage/location.hpp"
#include "storage/sftp/sftp_backend.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace holdfast::storage {

/// The connections of a store, made when they are wanted. Threads: any.
class ConnectionPool {
public:
  ConnectionPool(Location location, SftpOptions options)
      : location_(std::move(location)), options_(std::move(options)) {}

  /// The connection with the least under way; another one when all are busy. Broken ones are
  /// forgotten. Errors: as Connection.
  std::shared_ptr<Connection> pick();
  std::string store() const { return location_.url(); }

private:
  std::vector<std::string> ssh_arguments() const;
  /// `idle`: nothing when all are busy and another may be opened.
  enum class When : std::uint8_t { idle, any };
  std::shared_ptr<Connection> pick_open(When when);

  const Location location_;
  const SftpOptions options_;
  std::mutex connecting_;  // held while a connection is made; taken before mutex_, never after
  std::mutex mutex_;
  std::vector<std::shared_ptr<Connection>> connections_;
};

}  // namespace holdfast::storage
