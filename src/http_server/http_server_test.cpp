#include "http_server/http_server.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/task_group.hpp"
#include "base/temporary_directory.hpp"
#include "net/body_pipe.hpp"
#include "net/curl_client.hpp"
#include "storage/cutting_proxy.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <future>
#include <sys/socket.h>

namespace holdfast::http_server {
namespace {

using base::Error;
using base::ErrorKind;
using testing::HasSubstr;

constexpr std::size_t large_size = 3'000'000;

/// One certificate for all tests.
const base::TemporaryDirectory& certificates() {
  static const base::TemporaryDirectory directory;
  static const int made = std::system(
      fmt::format("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "
                  "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout {0}/tls.key "
                  "-out {0}/tls.crt 2>/dev/null",
                  directory.path())
          .c_str());
  EXPECT_EQ(made, 0) << "openssl is not installed";
  return directory;
}

ServerOptions default_options() {
  ServerOptions options;
  options.certificate_file = certificates().file("tls.crt");
  options.key_file = certificates().file("tls.key");
  return options;
}

/// A server on a thread of its own.
class Serving {
public:
  explicit Serving(Handler handler, ServerOptions options = default_options())
      : server_(std::move(options), std::move(handler)) {
    thread_.spawn([this](const std::stop_token& stopping) { server_.run(stopping); });
  }
  std::uint16_t port() const { return server_.port(); }
  std::string url(const std::string& path = "/") const {
    return fmt::format("https://127.0.0.1:{}{}", port(), path);
  }
  void stop() {
    thread_.request_stop();
    thread_.join();
  }

private:
  Server server_;
  base::TaskGroup thread_;
};

class HttpServerTest : public testing::Test {
protected:
  HttpServerTest() {
    net::HttpOptions options;
    options.proxy = "";
    options.ca_file = certificates().file("tls.crt");
    http_ = net::make_http_client(options, clock_, {});
  }

  net::HttpResponse get(const Serving& server, const std::string& path = "/",
                        const std::string& method = "GET") {
    return http_->send({.method = method, .url = server.url(path)});
  }

  base::SystemClock clock_;
  std::unique_ptr<net::HttpClient> http_;
};

/// A connection that speaks no TLS.
base::Fd connect_to(std::uint16_t port) {
  base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = storage::loopback_address(port);
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
            0);
  return socket;
}

/// Waits until the other side ended the connection.
void expect_closed(const base::Fd& socket) {
  std::array<char, 512> bytes{};
  for (;;) {
    const auto count = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
    if (count <= 0) return;
  }
}

TEST_F(HttpServerTest, HandsRequestsToItsHandlerAndItsReplyBack) {
  Serving server([](Exchange& exchange) {
    EXPECT_EQ(exchange.head().method, "PUT");
    EXPECT_EQ(exchange.head().target, "/a?b=c");
    EXPECT_EQ(exchange.head().peer, "127.0.0.1");
    EXPECT_EQ(net::find_header(exchange.head().headers, "x-asked"), "yes");
    EXPECT_EQ(exchange.body_size(), large_size);
    base::Bytes body(large_size + 1);
    EXPECT_EQ(exchange.read(body), large_size);
    EXPECT_EQ(exchange.read(body), 0U);
    exchange.reply({201, {{"X-Said", "no"}}, "done"});
  });
  const base::Bytes body(large_size, std::byte{7});
  for (int i = 0; i < 3; ++i) {
    const auto response = http_->send({.method = "PUT",
                                       .url = server.url("/a?b=c"),
                                       .headers = {{"X-Asked", "yes"}},
                                       .body = body});
    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(net::find_header(response.headers, "x-said"), "no");
    EXPECT_EQ(base::as_text(response.body), "done");
  }
}

TEST_F(HttpServerTest, SendsBodiesInPieces) {
  Serving server([](Exchange& exchange) {
    const bool is_sized = exchange.head().target == "/sized";
    exchange.begin_reply({200, {}, ""}, is_sized ? std::optional(4UL) : std::nullopt);
    exchange.write(base::as_bytes("ab"));
    exchange.write({});
    exchange.write(base::as_bytes("cd"));
  });
  for (const char* path : {"/sized", "/chunked"}) {
    EXPECT_EQ(base::as_text(get(server, path).body), "abcd") << path;
    const auto head = get(server, path, "HEAD");
    EXPECT_EQ(head.status, 200);
    EXPECT_TRUE(head.body.empty());
  }
  EXPECT_EQ(net::find_header(get(server, "/sized", "HEAD").headers, "content-length"), "4");
}

TEST_F(HttpServerTest, AHandlerThatFailsIsAnsweredFor) {
  Serving server([](Exchange& exchange) {
    if (exchange.head().target == "/silent") return;
    if (exchange.head().target == "/late") {
      exchange.begin_reply({200, {}, ""}, std::nullopt);
      exchange.write(base::as_bytes("half"));
    }
    throw Error(ErrorKind::io, "secret");
  });
  for (const char* path : {"/silent", "/early"}) {
    const auto response = get(server, path);
    EXPECT_EQ(response.status, 500);
    EXPECT_TRUE(response.body.empty());
  }
  EXPECT_THROW(get(server, "/late"), Error) << "half a body is not taken for all of it";
}

TEST_F(HttpServerTest, ABodyThatNobodyReadsDoesNotHideTheReply) {
  Serving server([](Exchange& exchange) { exchange.reply({403, {}, "no"}); });
  const base::Bytes small(large_size);
  const base::Bytes large(10 * large_size);
  for (const auto* body : {&small, &large, &small}) {
    const auto response =
        http_->send({.method = "PUT", .url = server.url(), .headers = {}, .body = *body});
    EXPECT_EQ(response.status, 403);
    EXPECT_EQ(base::as_text(response.body), "no");
  }
}

TEST_F(HttpServerTest, ASlowClientIsLeft) {
  auto options = default_options();
  options.stall_seconds_max = 0.1;
  std::promise<ErrorKind> failure;
  Serving server(
      [&](Exchange& exchange) {
        base::Bytes body(100);
        try {
          exchange.read(body);
        } catch (const Error& error) {
          failure.set_value(error.kind());
          throw;
        }
      },
      options);
  const auto pipe = std::make_shared<net::BodyPipe>(1000, 100);
  ASSERT_TRUE(pipe->write(base::as_bytes("only ten b")));
  net::HttpRequest request{.method = "PUT", .url = server.url()};
  request.body_pipe = pipe;
  const auto transfer = http_->start(std::move(request));
  EXPECT_EQ(failure.get_future().get(), ErrorKind::unavailable);
}

TEST_F(HttpServerTest, AClientThatSaysNothingIsLeft) {
  auto options = default_options();
  options.head_seconds_max = 0.1;
  Serving server([](Exchange& exchange) { exchange.reply({200, {}, ""}); }, options);
  expect_closed(connect_to(server.port()));
}

TEST_F(HttpServerTest, NoiseIsNoRequest) {
  std::atomic<int> handled = 0;
  Serving server([&](Exchange& exchange) {
    ++handled;
    exchange.reply({200, {}, ""});
  });
  const auto socket = connect_to(server.port());
  constexpr std::string_view noise = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(::send(socket.get(), noise.data(), noise.size(), 0),
            static_cast<ssize_t>(noise.size()));
  expect_closed(socket);
  EXPECT_EQ(http_->send({.url = server.url(), .headers = {{"X", std::string(20'000, 'x')}}}).status,
            400);
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(get(server).status, 200);
}

TEST_F(HttpServerTest, MoreConnectionsThanAllowedAreClosed) {
  auto options = default_options();
  options.connections_max = 1;
  Serving server([](Exchange& exchange) { exchange.reply({200, {}, ""}); }, options);
  const auto first = connect_to(server.port());
  expect_closed(connect_to(server.port()));
}

TEST_F(HttpServerTest, EndsWhileClientsAreIdleOrAtWork) {
  auto options = default_options();
  options.grace_seconds_max = 0.1;
  std::promise<void> at_work;
  Serving server(
      [&](Exchange& exchange) {
        if (exchange.head().method == "GET") return exchange.reply({200, {}, ""});
        at_work.set_value();
        base::Bytes body(100);
        exchange.read(body);
      },
      options);
  EXPECT_EQ(get(server).status, 200);
  const auto silent = connect_to(server.port());
  const auto pipe = std::make_shared<net::BodyPipe>(1000, 100);
  net::HttpRequest request{.method = "PUT", .url = server.url()};
  request.body_pipe = pipe;
  const auto transfer = http_->start(std::move(request));
  ASSERT_TRUE(pipe->write(base::as_bytes("x")));
  at_work.get_future().wait();
  server.stop();
}

template <class Work>
Error failure_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorKind::io, ""};
}

TEST_F(HttpServerTest, WhatItCannotUseIsNamed) {
  const Handler none = [](Exchange&) {};
  auto options = default_options();
  options.certificate_file = "/nowhere/tls.crt";
  auto error = failure_of([&] { Server(options, none); });
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.what(), HasSubstr("the certificate /nowhere/tls.crt"));
  options = default_options();
  options.key_file = certificates().file("other.key");
  ASSERT_EQ(std::system(fmt::format("openssl genpkey -algorithm ED25519 -out {} 2>/dev/null",
                                    options.key_file)
                            .c_str()),
            0);
  error = failure_of([&] { Server(options, none); });
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.hint(), HasSubstr("the key of that certificate"));
  options = default_options();
  options.address = "localhost";
  EXPECT_THAT(failure_of([&] { Server(options, none); }).hint(), HasSubstr("in digits"));
  options = default_options();
  const Server first(options, none);
  options.port = first.port();
  error = failure_of([&] { Server(options, none); });
  EXPECT_EQ(error.kind(), ErrorKind::already_exists);
}

}  // namespace
}  // namespace holdfast::http_server
