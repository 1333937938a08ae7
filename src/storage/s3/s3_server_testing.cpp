#include "s3_server_testing.hpp"

#include "net/curl_client.hpp"
#include "s3_client.hpp"

#include <fmt/format.h>

#include <fstream>
#include <stdexcept>
#include <utility>

namespace holdfast::storage {

namespace {

std::string read_address(const std::string& name) {
  std::ifstream in(fmt::format("{}/{}/address", HOLDFAST_TEST_SERVERS, name));
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!text.empty()) return text;
  throw std::runtime_error(fmt::format(
      "{0} does not run: use ctest, or python3 tests/support/servers.py start {0} {1}/{0}", name,
      HOLDFAST_TEST_SERVERS));
}

}  // namespace

TestServer::TestServer(std::string name) : name_(std::move(name)), text_(read_address(name_)) {}

std::string TestServer::value(const std::string& name) const {
  const auto at = ("\n" + text_).find("\n" + name + "=");
  if (at == std::string::npos) throw std::runtime_error(name_ + " has no " + name);
  const auto begin = at + name.size() + 1;
  return text_.substr(begin, text_.find('\n', begin) - begin);
}

std::uint16_t TestServer::port() const {
  return static_cast<std::uint16_t>(std::stoul(value("port")));
}

S3Credentials TestServer::credentials() const {
  return {value("access_key"), base::Secret(base::as_bytes(value("secret_key"))), ""};
}

S3CredentialSource TestServer::source() const {
  return [server = *this] { return server.credentials(); };
}

std::shared_ptr<net::HttpClient> make_test_client(double stall_seconds_max) {
  static const base::SystemClock clock;
  net::HttpOptions options;
  options.proxy = "";
  options.ca_file = TestServer("rgw").value("ca_file");
  options.stall_seconds_max = stall_seconds_max;
  return net::make_http_client(options, clock, {});
}

S3Surroundings::S3Surroundings() {
  std::array<std::byte, 8> name{};
  random_.fill(name);
  prefix_ = base::to_hex(name);
}

Location S3Surroundings::location() const { return {"s3", "/" + prefix_, "", bucket_}; }

void S3Surroundings::use_new_bucket(
    const TestServer& server, net::Headers headers,
    const std::vector<std::pair<std::string, std::string>>& configure) {
  name_own_bucket();
  S3Options options;
  options.endpoint = fmt::format("http://127.0.0.1:{}", server.port());
  options.lock.period_seconds = 1;  // for the checksums that go with it
  const auto place = resolve_s3_place(location(), options);
  S3Client client(place, options, server.source(), context(), "a new bucket");
  client.send({.doing = "making it", .method = "PUT", .headers = std::move(headers)});
  for (const auto& [query, body] : configure) {
    client.send({.doing = "putting its " + query,
                 .method = "PUT",
                 .query = {{query, ""}},
                 .body = base::as_bytes(body)});
  }
}

S3Context S3Surroundings::context(std::shared_ptr<net::HttpClient> http) {
  return {std::move(http), clock_, random_, [](double) {}, {}};
}

std::unique_ptr<Backend> S3Surroundings::open(const TestServer& server, S3Options options,
                                              std::uint16_t port) {
  if (options.endpoint.empty()) {
    options.endpoint = fmt::format("http://127.0.0.1:{}", port == 0 ? server.port() : port);
  }
  return open_s3(location(), std::move(options), server.source(), context(), S3Open::create);
}

}  // namespace holdfast::storage
