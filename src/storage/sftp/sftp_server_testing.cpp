#include "sftp_server_testing.hpp"

#include "storage/cutting_proxy.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <sys/stat.h>
#include <sys/wait.h>

extern char** environ;

namespace holdfast::storage {

namespace {

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

std::string content_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_text(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

}  // namespace

SftpServer::SftpServer(const std::vector<std::string>& lines) : port_(free_loopback_port()) {
  configure(lines);
  start();
}

void SftpServer::configure(const std::vector<std::string>& lines) {
  for (const char* name : {"host", "id", "other"})
    run(fmt::format("ssh-keygen -q -t ed25519 -N '' -f {}", file(name)));
  write_text(file("authorized_keys"), content_of(file("id.pub")));
  std::string config = fmt::format(
      "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\n"
      "StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\n"
      "PermitRootLogin prohibit-password\nAllowTcpForwarding no\nMaxStartups 100\n",
      port_, file("host"), file("authorized_keys"));
  bool has_subsystem = false;
  for (const auto& line : lines) {
    config += line + "\n";
    has_subsystem = has_subsystem || line.starts_with("Subsystem");
  }
  if (!has_subsystem) config += "Subsystem sftp internal-sftp\n";
  write_text(file("sshd_config"), config);
  const auto host_key = content_of(file("host.pub"));
  write_text(file("known_hosts"),
             fmt::format("[127.0.0.1]:{} {}holdfast-test {}", port_, host_key, host_key));
  write_text(file("config"),
             fmt::format("IdentityFile {}\nIdentitiesOnly yes\nUserKnownHostsFile {}\n", file("id"),
                         file("known_hosts")));
}

void SftpServer::start() {
  ::mkdir("/run/sshd", 0755);
  const auto config = file("sshd_config");
  const auto log = file("sshd.log");
  std::vector<std::string> words = {"/usr/sbin/sshd", "-D", "-f", config, "-E", log};
  std::vector<char*> arguments;
  for (auto& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  if (::posix_spawn(&process_, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) {
    throw std::runtime_error("sshd does not start: install openssh-server");
  }
  if (wait_for_listener(port_)) return;
  throw std::runtime_error("sshd does not answer: " + content_of(log));
}

SftpServer::~SftpServer() {
  if (process_ <= 0) return;
  ::kill(process_, SIGTERM);
  ::waitpid(process_, nullptr, 0);
}

Location SftpServer::address(const std::string& path) const {
  return {"sftp", path, "root", "127.0.0.1", port_};
}

SftpOptions SftpServer::options() const {
  SftpOptions options;
  options.config_file = file("config");
  return options;
}

SftpOptions SftpServer::options_for_any_port() const {
  return options_with(content_of(file("config")) + "HostKeyAlias holdfast-test\n");
}

SftpOptions SftpServer::options_with(const std::string& lines) const {
  SftpOptions options;
  options.config_file = file("other_config");
  write_text(options.config_file, lines);
  return options;
}

const SftpServer& shared_sftp_server() {
  static const SftpServer server;
  return server;
}

}  // namespace holdfast::storage
