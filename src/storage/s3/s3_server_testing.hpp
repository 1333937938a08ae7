// The servers that tests/support/servers.py started, and what reaches them.
#pragma once

#include "net/http.hpp"
#include "storage/s3/s3_backend.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace holdfast::storage {

/// What servers.py published of a server. Throws when it does not run.
class TestServer {
public:
  explicit TestServer(std::string name);
  std::string value(const std::string& name) const;
  std::uint16_t port() const;
  S3Credentials credentials() const;
  S3CredentialSource source() const;

private:
  const std::string name_;
  const std::string text_;
};

/// A client that trusts Ceph's certificate and uses no proxy of the environment.
std::shared_ptr<net::HttpClient> make_test_client(double stall_seconds_max = 60);

/// What a store needs, and a prefix of its own for one test.
class S3Surroundings {
public:
  S3Surroundings();

  Location location() const;
  S3Context context() { return context(http_); }
  S3Context context(std::shared_ptr<net::HttpClient> http);
  /// A store of `server` at `port` (0: its own), created.
  std::unique_ptr<Backend> open(const TestServer& server, S3Options options = {},
                                std::uint16_t port = 0);

  base::SystemClock clock_;
  base::SystemRandom random_;

private:
  const std::shared_ptr<net::HttpClient> http_ = make_test_client();
  std::string prefix_;
};

}  // namespace holdfast::storage
