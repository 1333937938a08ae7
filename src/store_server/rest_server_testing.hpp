// A REST store for tests: the whole server, over TLS, on loopback and a free port.
#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"
#include "base/temporary_directory.hpp"
#include "http_server/http_server.hpp"
#include "net/curl_client.hpp"
#include "storage/rest/rest_backend.hpp"
#include "store_server/store_service.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::store_server {

class RestServer {
public:
  explicit RestServer(std::optional<std::uint64_t> quota_bytes = std::nullopt);
  ~RestServer();
  RestServer(const RestServer&) = delete;
  RestServer& operator=(const RestServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(port_); }
  std::string ca_file() const { return directory_.file("tls.crt"); }
  /// Of a repository.
  std::string folder(const std::string& repository) const {
    return directory_.file("store/" + repository);
  }
  /// One for all repositories.
  base::Secret token(TokenKind kind) const;
  /// Adds one for a single repository.
  base::Secret add_token(const std::string& name, const std::string& repository);
  /// As a server that is ended and started again: on the same port, with nothing in memory.
  void restart();
  /// What it reported so far.
  std::vector<std::string> reports();
  base::ManualClock& clock() { return clock_; }

private:
  struct Running;
  void start();

  const base::TemporaryDirectory directory_;
  const std::optional<std::uint64_t> quota_bytes_;
  base::ManualClock clock_{{}};
  base::SystemRandom random_;
  base::Secret append_only_, full_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<Token> tokens_;
  std::vector<std::string> reports_;
  std::unique_ptr<Running> running_;
};

/// One for all tests of the program that do not change it.
RestServer& shared_rest_server();

/// A client that trusts the server's certificate and uses no proxy of the environment.
std::shared_ptr<net::HttpClient> make_rest_test_client(const RestServer& server,
                                                       double stall_seconds_max = 60);

/// What a store needs, and a repository of its own for one test.
class RestSurroundings {
public:
  explicit RestSurroundings(RestServer& server = shared_rest_server());

  RestServer& server() { return server_; }
  const std::string& repository() const { return repository_; }
  storage::Location location(std::uint16_t port = 0) const;
  storage::RestContext context(std::shared_ptr<net::HttpClient> http);
  net::HttpClient& http() { return *http_; }
  /// The repository, at the server or at another port.
  std::unique_ptr<storage::Backend> open(storage::RestOpen mode = storage::RestOpen::create,
                                         std::uint16_t port = 0, TokenKind kind = TokenKind::full);
  std::unique_ptr<storage::Backend> open_with(std::shared_ptr<net::HttpClient> http);

  base::SystemRandom random_;

private:
  RestServer& server_;
  std::string repository_;
  std::shared_ptr<net::HttpClient> http_;
};

}  // namespace holdfast::store_server
