// A real vsftpd for tests: on loopback, on free ports, with TLS, stopped by its process id.
#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/temporary_directory.hpp"
#include "net/curl_ftp.hpp"
#include "storage/ftps/ftps_backend.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace holdfast::storage {

/// Demands TLS, and that data connections resume the session of their control connection.
class FtpsServer {
public:
  static constexpr const char* user = "anonymous";
  static constexpr const char* password = "open-sesame";

  /// `lines` are added to its configuration. Throws when vsftpd is not installed or does not come
  /// up.
  explicit FtpsServer(const std::vector<std::string>& lines = {});
  ~FtpsServer();
  FtpsServer(const FtpsServer&) = delete;
  FtpsServer& operator=(const FtpsServer&) = delete;

  std::uint16_t port() const { return port_; }
  /// Where the files of /path are.
  std::string file(const std::string& path) const { return directory_.file("root") + path; }
  std::string ca_file() const { return directory_.file("tls.crt"); }
  std::string key_file() const { return directory_.file("tls.key"); }
  /// What was said on control connections.
  std::string log() const;

private:
  void configure(const std::vector<std::string>& lines) const;
  void start();

  const base::TemporaryDirectory directory_;
  const std::uint16_t port_;
  pid_t process_ = -1;
};

/// One for all tests of the program, with explicit TLS, and one with implicit.
const FtpsServer& explicit_ftps_server();
const FtpsServer& implicit_ftps_server();

/// Lets the server's user change what the test made.
void make_writable(const std::string& path);

/// What a store needs, and a folder of its own for one test.
class FtpsSurroundings {
public:
  explicit FtpsSurroundings(const FtpsServer& server = explicit_ftps_server());

  Location location() const;
  std::string folder() const { return folder_; }
  /// Where the file `path` of the store is.
  std::string file(const std::string& path) const { return server_->file(folder_ + path); }
  FtpsOptions options() const;
  /// With a client that trusts the server's certificate and goes through `proxy`.
  FtpsContext context(const std::string& proxy = "");
  FtpsContext context(MakeFtpSession connect) {
    return {std::move(connect), random_, sleeper_, {}};
  }
  MakeFtpSession sessions(const std::string& proxy = "") const;
  std::unique_ptr<Backend> open(FtpsOpen mode = FtpsOpen::create, const std::string& proxy = "");

  static base::Secret password(const std::string& text = FtpsServer::password) {
    return base::Secret(base::as_bytes(text));
  }

  base::SystemRandom random_;
  base::Sleeper sleeper_ = [](double) {};
  net::HttpOptions http_;

private:
  const FtpsServer* server_;
  std::string folder_;
};

}  // namespace holdfast::storage
