#pragma once

#include "net/ftp.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace holdfast::storage {

/// Sessions that are kept between uses. Threads: all calls from any.
class SessionPool {
public:
  using Make = std::function<std::unique_ptr<net::FtpSession>()>;
  SessionPool(Make make, std::size_t sessions_max)
      : make_(std::move(make)), sessions_max_(sessions_max) {}

  /// One that nobody else uses; waits while all are in use. One that stands at `offset` of the file
  /// `path` goes before others.
  /// A holder of one must not ask for a second: all could wait for each other.
  class Lease {
  public:
    Lease(SessionPool& pool, const std::string& path, std::uint64_t offset)
        : pool_(pool), session_(pool.take(path, offset)) {}
    ~Lease() {
      if (session_) pool_.put_back(std::move(session_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    net::FtpSession& operator*() { return *session_; }
    /// The server takes no more sessions: this one is dropped, and no more are opened than there
    /// are. False, and nothing happens, when it is the only one.
    bool give_up() { return pool_.drop(session_); }

  private:
    SessionPool& pool_;
    std::unique_ptr<net::FtpSession> session_;
  };

private:
  std::unique_ptr<net::FtpSession> take(const std::string& path, std::uint64_t offset);
  void put_back(std::unique_ptr<net::FtpSession> session);
  bool drop(std::unique_ptr<net::FtpSession>& session);

  const Make make_;
  std::mutex mutex_;
  std::condition_variable free_;
  std::size_t sessions_max_;
  std::size_t sessions_ = 0;                            // those in use included
  std::vector<std::unique_ptr<net::FtpSession>> idle_;  // the one used last at the end
};

}  // namespace holdfast::storage
