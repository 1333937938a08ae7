// A real nginx with its WebDAV modules for tests: on loopback, on free ports, with TLS, stopped by
// its process id.
#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/temporary_directory.hpp"
#include "net/curl_client.hpp"
#include "storage/webdav/webdav_backend.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <sys/types.h>

namespace holdfast::storage {

class WebdavServer {
public:
  static constexpr const char* user = "ann";
  static constexpr const char* password = "open sesame";

  /// Serves `folder`, or one of its own; with four processes. Throws when nginx is not installed or
  /// does not come up.
  explicit WebdavServer(std::string folder = "");
  ~WebdavServer();
  WebdavServer(const WebdavServer&) = delete;
  WebdavServer& operator=(const WebdavServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::uint16_t tls_port() const { return tls_port_; }
  /// Where the files of /path are.
  std::string file(const std::string& path) const { return folder_ + path; }
  std::string ca_file() const { return directory_.file("tls.crt"); }

private:
  void configure() const;
  void start();

  const base::TemporaryDirectory directory_;
  const std::string folder_;
  std::uint16_t port_ = 0;
  std::uint16_t tls_port_ = 0;
  pid_t process_ = -1;
};

/// One for all tests of the program.
const WebdavServer& shared_webdav_server();

/// What a store needs, and a folder of its own for one test.
class WebdavSurroundings {
public:
  WebdavSurroundings();

  /// Over TLS, as the user.
  Location location() const;
  std::string folder() const { return folder_; }
  WebdavOptions options(const std::string& password = WebdavServer::password) const;
  WebdavContext context() { return context(http_); }
  WebdavContext context(std::shared_ptr<net::HttpClient> http);
  net::HttpClient& http() { return *http_; }
  /// The store at location(), or at another port.
  std::unique_ptr<Backend> open(WebdavOpen mode = WebdavOpen::create, std::uint16_t port = 0);

  base::SystemClock clock_;
  base::SystemRandom random_;
  base::Sleeper sleeper_ = [](double) {};

private:
  std::string folder_;
  std::shared_ptr<net::HttpClient> http_;
};

/// A client that trusts the server's certificate and uses no proxy of the environment.
std::shared_ptr<net::HttpClient> make_webdav_test_client(const WebdavServer& server,
                                                         double stall_seconds_max = 60);

}  // namespace holdfast::storage
