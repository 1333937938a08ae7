#include "webdav_server_testing.hpp"

#include "storage/cutting_proxy.hpp"

#include <fmt/format.h>
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
#include <vector>

extern char** environ;

namespace holdfast::storage {

namespace {

constexpr const char* config = R"(
load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
{user}
daemon off;
worker_processes 4;
pid {own}/pid;
error_log {own}/log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/.body;
  proxy_temp_path {own}/proxy;
  fastcgi_temp_path {own}/fastcgi;
  uwsgi_temp_path {own}/uwsgi;
  scgi_temp_path {own}/scgi;
  server {{
    listen 127.0.0.1:{port} reuseport;
    listen 127.0.0.1:{tls_port} ssl reuseport;
    ssl_certificate {own}/tls.crt;
    ssl_certificate_key {own}/tls.key;
    root {folder};
    client_max_body_size 0;
    dav_methods PUT DELETE MKCOL MOVE;
    dav_ext_methods PROPFIND;
    auth_basic test;
    auth_basic_user_file {own}/users;
    location /open/ {{ auth_basic off; create_full_put_path on; }}
    location /small/ {{ client_max_body_size 1k; }}
    location /none/ {{ dav_methods off; dav_ext_methods off; }}
  }}
}}
)";

std::string content_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

WebdavServer::WebdavServer(std::string folder)
    : folder_(folder.empty() ? directory_.file("files") : std::move(folder)),
      port_(free_loopback_port()),
      tls_port_(free_loopback_port()) {
  configure();
  start();
}

void WebdavServer::configure() const {
  for (const char* name : {"/open", "/small", "/none"})
    std::filesystem::create_directories(folder_ + name);
  std::ofstream(directory_.file("users")) << user << ":{PLAIN}" << password << "\n";
  const auto command = fmt::format(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "
      "/CN=localhost -addext "
      "subjectAltName=IP:127.0.0.1 -keyout {0}/tls.key -out {0}/tls.crt 2>/dev/null",
      directory_.path());
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
  std::ofstream(directory_.file("conf"))
      << fmt::format(config, fmt::arg("user", ::geteuid() == 0 ? "user root;" : ""),
                     fmt::arg("own", directory_.path()), fmt::arg("folder", folder_),
                     fmt::arg("port", port_), fmt::arg("tls_port", tls_port_));
}

void WebdavServer::start() {
  std::vector<std::string> words = {"/usr/sbin/nginx",       "-c", directory_.file("conf"), "-p",
                                    directory_.path() + "/", "-e", directory_.file("log")};
  std::vector<char*> arguments;
  for (auto& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  if (::posix_spawn(&process_, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) {
    throw std::runtime_error(
        "nginx does not start: install nginx-light and libnginx-mod-http-dav-ext");
  }
  if (wait_for_listener(port_)) return;
  throw std::runtime_error("nginx does not answer: " + content_of(directory_.file("log")));
}

WebdavServer::~WebdavServer() {
  if (process_ <= 0) return;
  ::kill(process_, SIGTERM);
  ::waitpid(process_, nullptr, 0);
}

const WebdavServer& shared_webdav_server() {
  static const WebdavServer server;
  return server;
}

std::shared_ptr<net::HttpClient> make_webdav_test_client(const WebdavServer& server,
                                                         double stall_seconds_max) {
  static const base::SystemClock clock;
  net::HttpOptions options;
  options.proxy = "";
  options.ca_file = server.ca_file();
  options.stall_seconds_max = stall_seconds_max;
  return net::make_http_client(options, clock, {});
}

WebdavSurroundings::WebdavSurroundings() : http_(make_webdav_test_client(shared_webdav_server())) {
  std::array<std::byte, 8> name{};
  random_.fill(name);
  folder_ = "/" + base::to_hex(name);
}

Location WebdavSurroundings::location() const {
  return {"webdavs", folder_, WebdavServer::user, "127.0.0.1", shared_webdav_server().tls_port()};
}

WebdavOptions WebdavSurroundings::options(const std::string& password) const {
  WebdavOptions options;
  options.password = base::Secret(base::as_bytes(password));
  return options;
}

WebdavContext WebdavSurroundings::context(std::shared_ptr<net::HttpClient> http) {
  return {std::move(http), clock_, random_, sleeper_, {}};
}

std::unique_ptr<Backend> WebdavSurroundings::open(WebdavOpen mode, std::uint16_t port) {
  auto where = location();
  if (port != 0) where.port = port;
  return open_webdav(where, options(), context(), mode);
}

}  // namespace holdfast::storage
