// The servers that tests/support/servers.py started, and what reaches them.
#pragma once

#include "net/http.hpp"
#include "storage/s3/s3_backend.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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
  /// From now on in a bucket of its own, which open() makes.
  void name_own_bucket() { bucket_ = "holdfast-" + prefix_; }
  /// Makes such a bucket by a PUT with these headers; `configure` are bodies that are put to it
  /// then, by their queries.
  void use_new_bucket(const TestServer& server, net::Headers headers,
                      const std::vector<std::pair<std::string, std::string>>& configure = {});
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
  std::string bucket_ = "holdfast-test";
};

}  // namespace holdfast::storage
