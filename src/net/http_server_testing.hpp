// tests/support/http_server.py, or one that starts alike, for the length of a test program.
#pragma once

#include "base/fd.hpp"
#include "base/temporary_directory.hpp"

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace holdfast::net {

class HttpServer {
public:
  /// `program` is one of tests/support: started with a folder of its own, it prints the ports of
  /// its listeners as JSON and ends when its input does. Throws when it does not come up.
  explicit HttpServer(const char* program = "http_server.py");
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Of the listener with that name: "http", "https", "expired", "proxy", ...
  std::uint16_t port(const std::string& listener) const;
  /// "http://127.0.0.1:PORT", or https:// for all others but "http" and "noise".
  std::string url(const std::string& listener, const std::string& path) const;
  /// One of the files that it writes: "ca.pem", "client.pem", "pin".
  std::string file(const std::string& name) const { return directory_.file(name); }

private:
  const base::TemporaryDirectory directory_;
  base::Fd input_;
  std::string ports_;  // as JSON
  pid_t process_ = -1;
};

/// One for all tests of the program.
const HttpServer& shared_http_server();

}  // namespace holdfast::net
