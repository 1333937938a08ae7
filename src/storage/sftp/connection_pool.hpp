#pragma once

#include "connection.hpp"
#include "storage/location.hpp"
#include "storage/sftp/sftp_backend.hpp"

#include <condition_variable>
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

  /// The connection with the least under way; another one when all are busy and none is being made.
  /// Broken ones are forgotten. Errors: as Connection, when there is none.
  std::shared_ptr<Connection> pick();
  /// Makes another one, unless there are as many as may be; several at once when called so.
  /// Errors: as Connection.
  void add();
  std::string store() const { return location_.url(); }

private:
  std::vector<std::string> ssh_arguments() const;
  // The mutex is held by whoever calls these; make() lets go of it meanwhile.
  std::shared_ptr<Connection> make(std::unique_lock<std::mutex>& lock);
  std::shared_ptr<Connection> least_busy();
  bool may_make() const;

  const Location location_;
  const SftpOptions options_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable made_;
  std::vector<std::shared_ptr<Connection>> connections_;
  unsigned being_made_ = 0;
  bool refused_ = false;  // one more than there are
};

}  // namespace holdfast::storage
