#include "ftps_server_testing.hpp"

#include "storage/cutting_proxy.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <sys/wait.h>
#include <utility>

extern char** environ;

namespace holdfast::storage {

namespace {

// Its only user is the one that it knows without the machine's: no account is made for a test.
constexpr const char* config = R"(listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
local_enable=NO
write_enable=YES
anonymous_enable=YES
secure_email_list_enable=YES
email_password_file={own}/passwords
anon_root={own}/root
ftp_username=ftp
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
anon_umask=022
seccomp_sandbox=NO
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=YES
ssl_ciphers=HIGH
rsa_cert_file={own}/tls.crt
rsa_private_key_file={own}/tls.key
secure_chroot_dir={own}/empty
log_ftp_protocol=YES
xferlog_enable=YES
vsftpd_log_file={own}/log
)";

std::string content_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

FtpsServer::FtpsServer(const std::vector<std::string>& lines) : port_(free_loopback_port()) {
  configure(lines);
  start();
}

void FtpsServer::configure(const std::vector<std::string>& lines) const {
  // It refuses a folder as root that its user may write to.
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
  std::filesystem::create_directories(directory_.file("empty"));
  std::filesystem::create_directories(file("/stores"));
  make_writable(file("/stores"));
  std::ofstream(directory_.file("passwords")) << password << "\n";
  const auto command = fmt::format(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "
      "/CN=localhost -addext "
      "subjectAltName=IP:127.0.0.1 -keyout {0}/tls.key -out {0}/tls.crt 2>/dev/null",
      directory_.path());
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
  std::ofstream out(directory_.file("conf"));
  out << fmt::format(config, fmt::arg("own", directory_.path()), fmt::arg("port", port_));
  for (const auto& line : lines)
    out << line << "\n";
}

void FtpsServer::start() {
  std::vector<std::string> words = {"/usr/sbin/vsftpd", directory_.file("conf")};
  std::vector<char*> arguments;
  for (auto& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  if (::posix_spawn(&process_, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) {
    throw std::runtime_error("vsftpd does not start: install vsftpd");
  }
  if (!wait_for_listener(port_)) throw std::runtime_error("vsftpd does not answer: " + log());
}

FtpsServer::~FtpsServer() {
  if (process_ <= 0) return;
  ::kill(process_, SIGTERM);
  ::waitpid(process_, nullptr, 0);
}

std::string FtpsServer::log() const { return content_of(directory_.file("log")); }

const FtpsServer& explicit_ftps_server() {
  static const FtpsServer server;
  return server;
}

const FtpsServer& implicit_ftps_server() {
  static const FtpsServer server({"implicit_ssl=YES"});
  return server;
}

void make_writable(const std::string& path) {
  const auto* const owner = ::getpwnam("ftp");  // NOLINT(concurrency-mt-unsafe)
  if (owner != nullptr && ::chown(path.c_str(), owner->pw_uid, owner->pw_gid) == 0) return;
  throw std::runtime_error("vsftpd is not installed, or the tests do not run as root");
}

FtpsSurroundings::FtpsSurroundings(const FtpsServer& server) : server_(&server) {
  std::array<std::byte, 8> name{};
  random_.fill(name);
  folder_ = "/stores/" + base::to_hex(name);
  http_.proxy = "";
  http_.ca_file = server.ca_file();
}

Location FtpsSurroundings::location() const {
  return {"ftps", folder_, FtpsServer::user, "127.0.0.1", server_->port()};
}

FtpsOptions FtpsSurroundings::options() const {
  FtpsOptions options;
  options.is_implicit = server_ == &implicit_ftps_server();
  return options;
}

MakeFtpSession FtpsSurroundings::sessions(const std::string& proxy) const {
  auto http = http_;
  if (!proxy.empty()) http.proxy = proxy;
  static const base::SystemClock clock;
  return [http](const net::FtpServer& server) {
    return net::make_ftp_session(server, http, clock, {});
  };
}

FtpsContext FtpsSurroundings::context(const std::string& proxy) { return context(sessions(proxy)); }

std::unique_ptr<Backend> FtpsSurroundings::open(FtpsOpen mode, const std::string& proxy) {
  return open_ftps(location(), password(), options(), context(proxy), mode);
}

}  // namespace holdfast::storage
