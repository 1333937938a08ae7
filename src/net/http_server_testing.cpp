#include "http_server_testing.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <sys/wait.h>
#include <vector>

extern char** environ;

namespace holdfast::net {

namespace {

struct Pipe {
  base::Fd read_end;
  base::Fd write_end;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  return {base::Fd(ends[0]), base::Fd(ends[1])};
}

std::string read_line(int fd) {
  std::string line;
  for (char c = 0; ::read(fd, &c, 1) == 1 && c != '\n';)
    line += c;
  return line;
}

}  // namespace

HttpServer::HttpServer() {
  auto input = make_pipe();
  auto output = make_pipe();
  std::vector<std::string> words = {"python3", "-B", HOLDFAST_TEST_SUPPORT "/http_server.py",
                                    directory_.path()};
  std::vector<char*> arguments;
  for (auto& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.read_end.get(), 0);
  ::posix_spawn_file_actions_adddup2(&actions, output.write_end.get(), 1);
  const int code =
      ::posix_spawnp(&process_, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (code != 0) throw std::runtime_error("python3 does not start");
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
