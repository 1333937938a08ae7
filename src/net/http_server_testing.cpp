#include "net/http_server_testing.hpp"

#include "base/child_process.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <sys/wait.h>

namespace holdfast::net {

namespace {

std::string read_line(int fd) {
  std::string line;
  for (char c = 0; ::read(fd, &c, 1) == 1 && c != '\n';)
    line += c;
  return line;
}

}  // namespace

HttpServer::HttpServer(const char* program) {
  auto input = base::make_pipe();
  auto output = base::make_pipe();
  process_ = base::start_process(
      {"python3", "-B", fmt::format("{}/{}", HOLDFAST_TEST_SUPPORT, program), directory_.path()},
      input.read_end.get(), output.write_end.get(), STDERR_FILENO);
  output.write_end.reset();
  input_ = std::move(input.write_end);
  ports_ = read_line(output.read_end.get());
  if (ports_.empty()) {
    throw std::runtime_error("the test server does not start: install python3-cryptography");
  }
}

HttpServer::~HttpServer() {
  input_.reset();  // it ends when its input does
  if (process_ > 0) ::waitpid(process_, nullptr, 0);
}

std::uint16_t HttpServer::port(const std::string& listener) const {
  const auto key = fmt::format("\"{}\": ", listener);
  const auto at = ports_.find(key);
  if (at == std::string::npos) throw std::runtime_error("no listener " + listener);
  return static_cast<std::uint16_t>(std::stoul(ports_.substr(at + key.size())));
}

std::string HttpServer::url(const std::string& listener, const std::string& path) const {
  const bool is_plain = listener == "http" || listener == "noise";
  return fmt::format("{}://127.0.0.1:{}{}", is_plain ? "http" : "https", port(listener), path);
}

const HttpServer& shared_http_server() {
  static const HttpServer server;
  return server;
}

}  // namespace holdfast::net
