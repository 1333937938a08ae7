// A real OpenSSH server for tests: on loopback, on a free port, with keys of its own, stopped by
// its process id.
#pragma once

#include "base/temporary_directory.hpp"
#include "storage/sftp/sftp_backend.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace holdfast::storage {

class SftpServer {
public:
  /// `lines` are added to sshd_config. Throws when sshd is not installed or does not come up.
  explicit SftpServer(const std::vector<std::string>& lines = {});
  ~SftpServer();
  SftpServer(const SftpServer&) = delete;
  SftpServer& operator=(const SftpServer&) = delete;

  Location address(const std::string& path) const;
  std::uint16_t port() const { return port_; }
  /// With a key that the server takes and its host key known.
  SftpOptions options() const;
  /// The same for who reaches it through another port.
  SftpOptions options_for_any_port() const;
  std::string file(const std::string& name) const { return directory_.file(name); }
  /// Writes an ssh configuration with other lines than the usual ones.
  SftpOptions options_with(const std::string& lines) const;

private:
  void configure(const std::vector<std::string>& lines);
  void start();

  const base::TemporaryDirectory directory_;
  std::uint16_t port_ = 0;
  pid_t process_ = -1;
};

/// One for all tests of the program.
const SftpServer& shared_sftp_server();

}  // namespace holdfast::storage
