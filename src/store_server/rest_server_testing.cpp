#include "rest_server_testing.hpp"

#include "storage/local/local_backend.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace holdfast::store_server {

namespace {

/// For 127.0.0.1, and its own authority.
void make_certificate(const std::string& directory) {
  const auto command = fmt::format(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "
      "/CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout {0}/tls.key -out {0}/tls.crt "
      "2>/dev/null",
      directory);
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

}  // namespace

struct RestServer::Running {
  Running(StoreServiceOptions service_options, StoreServiceContext context,
          const http_server::ServerOptions& options)
      : service(service_options, std::move(context)),
        server(options, [this](http_server::Exchange& exchange) { service.handle(exchange); }) {
    thread.spawn([this](const std::stop_token& stopping) { server.run(stopping); });
  }

  StoreService service;
  http_server::Server server;
  base::TaskGroup thread;  // last: it ends before what it uses
};

RestServer::RestServer(std::optional<std::uint64_t> quota_bytes)
    : quota_bytes_(quota_bytes), append_only_(make_token(random_)), full_(make_token(random_)) {
  make_certificate(directory_.path());
  std::filesystem::create_directory(directory_.file("store"));
  using enum TokenKind;
  const std::string any(any_repository);
  tokens_ = {{"appender", append_only, any, hash_of(append_only_.view())},
             {"keeper", full, any, hash_of(full_.view())}};
  start();
}

RestServer::~RestServer() = default;

void RestServer::start() {
  http_server::ServerOptions options;
  options.port = port_;
  options.certificate_file = directory_.file("tls.crt");
  options.key_file = directory_.file("tls.key");
  StoreServiceContext context{
      [this](const std::string& repository, StoreServiceContext::Mode mode) {
        const bool creates = mode == StoreServiceContext::Mode::create;
        return storage::open_local(folder(repository), creates ? storage::LocalOpen::create
                                                               : storage::LocalOpen::existing);
      },
      [this] {
        const std::lock_guard lock(mutex_);
        return std::make_shared<const std::vector<Token>>(tokens_);
      },
      clock_,
      [this](const std::string& problem) {
        const std::lock_guard lock(mutex_);
        reports_.push_back(problem);
      }};
  running_ =
      std::make_unique<Running>(StoreServiceOptions{quota_bytes_}, std::move(context), options);
  port_ = running_->server.port();
}

void RestServer::restart() {
  running_.reset();
  start();
}

base::Secret RestServer::token(TokenKind kind) const {
  return kind == TokenKind::full ? full_.clone() : append_only_.clone();
}

base::Secret RestServer::add_token(const std::string& name, const std::string& repository) {
  auto token = make_token(random_);
  const std::lock_guard lock(mutex_);
  tokens_.push_back({name, TokenKind::full, repository, hash_of(token.view())});
  return token;
}

std::vector<std::string> RestServer::reports() {
  const std::lock_guard lock(mutex_);
  return reports_;
}

RestServer& shared_rest_server() {
  static RestServer server;
  return server;
}

std::shared_ptr<net::HttpClient> make_rest_test_client(const RestServer& server,
                                                       double stall_seconds_max) {
  static const base::SystemClock clock;
  net::HttpOptions options;
  options.proxy = "";
  options.ca_file = server.ca_file();
  options.stall_seconds_max = stall_seconds_max;
  return net::make_http_client(options, clock, {});
}

RestSurroundings::RestSurroundings(RestServer& server)
    : server_(server), http_(make_rest_test_client(server)) {
  std::array<std::byte, 8> name{};
  random_.fill(name);
  repository_ = base::to_hex(name);
}

storage::Location RestSurroundings::location(std::uint16_t port) const {
  return {"https", "/" + repository_, "", "127.0.0.1", port == 0 ? server_.port() : port};
}

storage::RestContext RestSurroundings::context(std::shared_ptr<net::HttpClient> http) {
  return {std::move(http), random_, [](double) {}, {}};
}

std::unique_ptr<storage::Backend> RestSurroundings::open(storage::RestOpen mode, std::uint16_t port,
                                                         TokenKind kind) {
  return storage::open_rest(location(port), server_.token(kind), context(http_), mode);
}

std::unique_ptr<storage::Backend> RestSurroundings::open_with(
    std::shared_ptr<net::HttpClient> http) {
  return storage::open_rest(location(), server_.token(TokenKind::full), context(std::move(http)),
                            storage::RestOpen::create);
}

}  // namespace holdfast::store_server
