#include "net/curl_client.hpp"

#include "base/fd.hpp"
#include "base/random.hpp"
#include "base/retry.hpp"
#include "base/task_group.hpp"
#include "crypto/sha256.hpp"
#include "net/body_pipe.hpp"
#include "net/http_server_testing.hpp"
#include "storage/cutting_proxy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace holdfast::net {
namespace {

using base::Error;
using base::ErrorKind;
using storage::Cut;
using storage::CuttingProxy;
using testing::HasSubstr;
using testing::Not;

constexpr std::size_t pattern_size = 251UL * 4096;
constexpr std::uint64_t answer_size_max = 1000;

base::Bytes pattern(std::size_t size) {
  base::Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::byte>(i % pattern_size * 7 % 251);
  return bytes;
}

class CurlClientTest : public testing::Test {
protected:
  CurlClientTest() {
    options_.ca_file = server().file("ca.pem");
    options_.proxy = "";
  }
  static const HttpServer& server() { return shared_http_server(); }
  std::unique_ptr<HttpClient> client() { return make_http_client(options_, clock_, {}); }
  std::string text_of(HttpClient& client, const std::string& listener, const std::string& path) {
    const auto response = client.send({.url = server().url(listener, path)});
    EXPECT_EQ(response.status, 200);
    return std::string(base::as_text(response.body));
  }
  /// What asking for `path` of a listener throws.
  Error failure_of(const std::string& listener, const std::string& path = "/bytes/1") {
    return failure_at(server().url(listener, path));
  }
  Error failure_at(const std::string& url, std::size_t body_size_max = 1000) {
    try {
      client()->send({.url = url, .body_size_max = body_size_max});
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("GET http"));
      EXPECT_FALSE(error.hint().empty());
      return error;
    }
    ADD_FAILURE() << "nothing was thrown by " << url;
    return {ErrorKind::io, ""};
  }

  HttpOptions options_;
  base::SystemClock clock_;
};

TEST_F(CurlClientTest, GetsOverTls) {
  const auto response = client()->send({.url = server().url("https", "/bytes/1000")});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, pattern(1000));
  EXPECT_EQ(find_header(response.headers, "content-length"), "1000");
}

TEST_F(CurlClientTest, SendsBodiesAndHeaders) {
  const auto body = pattern(3'000'000);
  for (const char* method : {"PUT", "POST"}) {
    const auto response = client()->send({.method = method,
                                          .url = server().url("https", "/digest"),
                                          .headers = {{"X-Mine", "value"}},
                                          .body = body});
    const auto seen = base::as_text(response.body);
    EXPECT_THAT(seen, HasSubstr(base::to_hex(crypto::sha256(body))));
    EXPECT_THAT(seen, HasSubstr("\"X-Mine\": \"value\""));
    EXPECT_THAT(seen, HasSubstr("\"Content-Length\": \"3000000\""));
    EXPECT_THAT(seen, HasSubstr(std::string("\"method\": \"") + method));
    EXPECT_THAT(seen, Not(HasSubstr("Expect")));
  }
  const auto empty = client()->send({.method = "POST", .url = server().url("http", "/digest")});
  EXPECT_THAT(base::as_text(empty.body), HasSubstr("\"Content-Length\": \"0\""));
}

TEST_F(CurlClientTest, HeadersCannotBeSmuggled) {
  EXPECT_THROW(
      client()->send({.url = server().url("http", "/bytes/1"), .headers = {{"X", "1\r\nY: 2"}}}),
      Error);
}

TEST_F(CurlClientTest, StatusesAreNoErrors) {
  const auto one = client();
  for (const int status : {206, 301, 404, 503}) {
    const auto response =
        one->send({.url = server().url("http", "/status/" + std::to_string(status))});
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.retry_after_seconds, 7);
  }
  EXPECT_EQ(one->send({.method = "HEAD", .url = server().url("http", "/bytes/5")}).status, 200);
}

TEST_F(CurlClientTest, UsesConnectionsAgain) {
  const auto one = client();
  const auto before = std::stoul(text_of(*one, "http", "/connections"));
  for (int i = 0; i < 20; ++i)
    text_of(*one, "http", "/bytes/10");
  EXPECT_EQ(std::stoul(text_of(*one, "http", "/connections")), before);
}

TEST_F(CurlClientTest, AKeptConnectionThatDiedIsNoFailure) {
  const auto one = client();
  const auto body = pattern(100'000);
  // One that dies in the middle of what is sent is said to pass later, and does.
  base::SeededRandom random(1);
  const base::Retrier again({.attempts_max = 2}, random, [](double) {});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(text_of(*one, "http", "/hangup"), "bye");
    const auto response = again.run([&](int) {
      return one->send({.method = "PUT", .url = server().url("http", "/digest"), .body = body});
    });
    EXPECT_THAT(base::as_text(response.body), HasSubstr(base::to_hex(crypto::sha256(body))));
  }
}

TEST_F(CurlClientTest, ARequestThatWentOutTwiceIsSaidToHave) {
  const auto one = client();
  const HttpRequest request{.method = "DELETE", .url = server().url("http", "/fresh")};
  EXPECT_EQ(one->send(request).times_sent, 1);
  EXPECT_EQ(text_of(*one, "http", "/bytes/1").size(), 1U) << "and its connection is kept";
  const auto response = one->send(request);
  EXPECT_EQ(base::as_text(response.body), "fresh");
  EXPECT_EQ(response.times_sent, 2);
}

TEST_F(CurlClientTest, ServesManyThreads) {
  options_.connections_max = 4;
  const auto one = client();
  const auto before = std::stoul(text_of(*one, "https", "/connections"));
  base::TaskGroup group;
  for (std::size_t thread = 0; thread < 8; ++thread) {
    group.spawn([&, thread](const std::stop_token&) {
      for (std::size_t i = 0; i < 20; ++i) {
        const auto size = 1000 * thread + i;
        const auto response =
            one->send({.url = server().url("https", "/bytes/" + std::to_string(size))});
        EXPECT_EQ(response.body, pattern(size));
      }
    });
  }
  group.join();
  EXPECT_LE(std::stoul(text_of(*one, "https", "/connections")), before + 4);
}

TEST_F(CurlClientTest, FillsTheCallersMemory) {
  base::Bytes into(2'000'000);
  const auto response =
      client()->send({.url = server().url("http", "/bytes/1999999"), .into = into});
  EXPECT_EQ(response.received, 1'999'999U);
  into.resize(1'999'999);
  EXPECT_EQ(into, pattern(1'999'999));
}

TEST_F(CurlClientTest, RefusesMoreThanWasAskedFor) {
  base::Bytes into(999);
  try {
    client()->send({.url = server().url("http", "/bytes/1000"), .into = into});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("larger than it can rightly be"));
  }
  for (const char* path : {"/bytes/1001", "/chunked/2", "/headers/100", "/headers/250"}) {
    EXPECT_EQ(failure_of("http", path).kind(), ErrorKind::io) << path;
  }
}

TEST_F(CurlClientTest, StreamsBothWaysInBoundedMemory) {
  constexpr std::size_t size = 5'000'000;
  const auto bytes = pattern(size);
  const auto one = client();
  for (const auto known : {std::optional<std::uint64_t>(size), std::optional<std::uint64_t>()}) {
    const auto up = std::make_shared<BodyPipe>(100'000, known);
    const auto transfer =
        one->start({.method = "PUT", .url = server().url("https", "/digest"), .body_pipe = up});
    for (std::size_t at = 0; at < size; at += 50'000)
      ASSERT_TRUE(up->write(base::ByteView(bytes).subspan(at, 50'000)));
    up->finish();
    EXPECT_THAT(base::as_text(transfer->wait().body),
                HasSubstr(base::to_hex(crypto::sha256(bytes))));
  }
  const auto down = std::make_shared<BodyPipe>(100'000);
  const auto transfer = one->start(
      {.url = server().url("https", "/bytes/" + std::to_string(size)), .into_pipe = down});
  base::Bytes got(size + 1);
  got.resize(down->read(got));
  EXPECT_EQ(transfer->wait().received, size);
  EXPECT_EQ(got, bytes);
}

TEST_F(CurlClientTest, AStreamToNowhereEnds) {
  const auto up = std::make_shared<BodyPipe>(100'000);
  const auto transfer =
      client()->start({.method = "PUT", .url = "http://127.0.0.1:1/", .body_pipe = up});
  const auto bytes = pattern(200'000);
  EXPECT_FALSE(up->write(bytes));
  EXPECT_THROW(transfer->wait(), Error);
}

TEST_F(CurlClientTest, DroppedTransfersAreCancelled) {
  const auto one = client();
  base::Bytes body(1000);
  {
    const auto transfer =
        one->start({.method = "PUT", .url = server().url("http", "/silence"), .body = body});
    EXPECT_FALSE(transfer->has_ended());
  }
  EXPECT_EQ(text_of(*one, "http", "/bytes/1").size(), 1U);
}

/// Time goes by with each look at it.
class HurryingClock final : public base::Clock {
public:
  explicit HurryingClock(std::int64_t step_seconds) : step_seconds_(step_seconds) {}
  base::WallTime wall_now() const override { return {}; }
  base::Instant now() const override { return {now_ += step_seconds_ * 1'000'000'000}; }

private:
  const std::int64_t step_seconds_;
  mutable std::atomic<std::int64_t> now_ = 0;
};

TEST_F(CurlClientTest, AServerThatIsSilentIsLeft) {
  const HurryingClock clock(60);
  try {
    make_http_client(options_, clock, {})->send({.url = server().url("https", "/silence")});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_EQ(error.retry(), base::Retry::later);
    EXPECT_THAT(error.what(), HasSubstr("went silent"));
  }
}

TEST_F(CurlClientTest, StoppingEndsWhatDoesNotMove) {
  const HurryingClock clock(6);
  options_.stall_seconds_max = 1e9;
  std::stop_source stop;
  const auto hurried = make_http_client(options_, clock, stop.get_token());
  const auto transfer = hurried->start({.url = server().url("http", "/silence")});
  stop.request_stop();
  EXPECT_THROW(transfer->wait(), base::Cancelled);
  const auto other = make_http_client(options_, clock_, stop.get_token());
  EXPECT_EQ(text_of(*other, "http", "/bytes/1").size(), 1U) << "what moves goes on";
}

TEST_F(CurlClientTest, UnderALimitBodiesComeWholeBothWays) {
  const HurryingClock clock(1);
  const auto limiter = std::make_shared<base::RateLimiter>(
      [] { return std::optional<std::uint64_t>(100'000); }, clock);
  options_.limits = {limiter, limiter};
  options_.stall_seconds_max = 1e9;
  const auto limited = make_http_client(options_, clock, {});
  const auto bytes = pattern(1'000'000);
  for (const char* listener : {"http", "https"}) {
    const auto sent = limited->send({.method = "PUT",
                                     .url = server().url(listener, "/digest"),
                                     .body = bytes,
                                     .seconds_max = 0});
    EXPECT_THAT(base::as_text(sent.body), HasSubstr(base::to_hex(crypto::sha256(bytes))));
    const auto pipe = std::make_shared<BodyPipe>(100'000);
    const auto transfer = limited->start({.method = "PUT",
                                          .url = server().url(listener, "/digest"),
                                          .body_pipe = pipe,
                                          .seconds_max = 0});
    ASSERT_TRUE(pipe->write(bytes));
    pipe->finish();
    EXPECT_THAT(base::as_text(transfer->wait().body),
                HasSubstr(base::to_hex(crypto::sha256(bytes))));
    base::Bytes into(bytes.size());
    limited->send(
        {.url = server().url(listener, "/bytes/1000000"), .into = into, .seconds_max = 0});
    EXPECT_EQ(into, bytes);
  }
}

TEST_F(CurlClientTest, StoppingEndsWhatWaitsForALimit) {
  const auto limiter = std::make_shared<base::RateLimiter>(
      [] { return std::optional<std::uint64_t>(10'000); }, clock_);
  options_.limits.up = limiter;
  std::stop_source stop;
  const auto limited = make_http_client(options_, clock_, stop.get_token());
  const auto bytes = pattern(100'000'000);
  const auto transfer =
      limited->start({.method = "PUT", .url = server().url("http", "/digest"), .body = bytes});
  stop.request_stop();
  EXPECT_THROW(transfer->wait(), base::Cancelled);
  const auto small = pattern(10);
  EXPECT_TRUE(
      limited->send({.method = "PUT", .url = server().url("http", "/digest"), .body = small})
          .is_success())
      << "what a run takes back when it stops";
}

TEST_F(CurlClientTest, ALineThatIsCutIsUnavailable) {
  for (const auto how : {Cut::reset, Cut::close}) {
    CuttingProxy proxy(server().port("https"));
    proxy.cut_after(100'000, how);
    const auto one = client();
    base::Bytes into(1'000'000);
    const auto transfer =
        one->start({.url = "https://127.0.0.1:" + std::to_string(proxy.port()) + "/bytes/1000000",
                    .into = into});
    try {
      transfer->wait();
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::unavailable);
      EXPECT_EQ(error.retry(), base::Retry::later);
    }
    EXPECT_GT(transfer->received(), 50'000U);
    EXPECT_LT(transfer->received(), 100'000U);
  }
  EXPECT_EQ(failure_of("http", "/short").kind(), ErrorKind::unavailable);
}

TEST_F(CurlClientTest, AnAnswerIsWholeOrNone) {
  const auto one = client();
  CuttingProxy proxy(server().port("http"));
  const auto url = "http://127.0.0.1:" + std::to_string(proxy.port()) + "/bytes/20";
  const std::string body = text_of(*one, "http", "/bytes/20");
  for (const auto* const method : {"GET", "HEAD"}) {
    const auto is_get = std::string_view(method) == "GET";
    int whole = 0;
    for (std::uint64_t position = 0; position < answer_size_max && whole == 0; ++position) {
      proxy.cut_after(position, Cut::close, storage::Way::down);
      try {
        const auto response = one->send({.method = method, .url = url});
        EXPECT_EQ(base::as_text(response.body), is_get ? body : "") << position;
        EXPECT_EQ(find_header(response.headers, "content-length"), "20") << position;
        ++whole;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::unavailable) << position;
      }
    }
    EXPECT_EQ(whole, 1) << method;
  }
}

TEST_F(CurlClientTest, ConnectionsThatFailSayWhy) {
  auto error = failure_at("http://127.0.0.1:1/");
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_THAT(error.what(), HasSubstr("Connection refused"));
  error = failure_at("https://holdfast-test.invalid/");
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_THAT(error.what(), HasSubstr("has no address"));
  error = failure_of("noise");
  EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  EXPECT_THAT(error.what(), HasSubstr("no HTTP server"));
  error = failure_at("https://127.0.0.1:" + std::to_string(server().port("http")) + "/");
  EXPECT_THAT(error.what(), HasSubstr("TLS could not be set up"));
}

TEST_F(CurlClientTest, CertificatesThatAreWrongSayWhatIsWrong) {
  const std::array<std::pair<const char*, const char*>, 4> cases = {{
      {"expired", "has expired"},
      {"early", "not valid yet"},
      {"alone", "self-signed"},
      {"other", "is for another name"},
  }};
  for (const auto& [listener, cause] : cases) {
    const auto error = failure_of(listener);
    EXPECT_EQ(error.kind(), ErrorKind::access_denied) << listener;
    EXPECT_EQ(error.retry(), base::Retry::never);
    EXPECT_THAT(error.what(), HasSubstr(cause));
  }
  options_.ca_file.clear();
  EXPECT_THAT(failure_of("https").what(), HasSubstr("authority that is not trusted here"));
  options_.ca_file = "/nowhere/ca.pem";
  EXPECT_THAT(failure_of("https").hint(), HasSubstr("ca_file"));
}

TEST_F(CurlClientTest, ClientCertificatesAreShown) {
  options_.client_certificate = server().file("client.pem");
  EXPECT_EQ(text_of(*client(), "client", "/bytes/3").size(), 3U);
  options_.client_certificate = "/nowhere/client.pem";
  const auto error = failure_of("client");
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.hint(), HasSubstr("client_certificate"));
}

TEST_F(CurlClientTest, APinnedKeyIsChecked) {
  const auto pin = base::read_file(server().file("pin"), 1000);
  options_.pinned_key = base::as_text(pin);
  EXPECT_EQ(text_of(*client(), "https", "/bytes/3").size(), 3U);
  options_.pinned_key = "sha256//" + std::string(43, 'A') + "=";
  const auto error = failure_of("https");
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_THAT(error.what(), HasSubstr("pinned"));
}

TEST_F(CurlClientTest, GoesThroughProxies) {
  const auto at = [&](const char* listener) {
    return "127.0.0.1:" + std::to_string(server().port(listener));
  };
  options_.proxy = "http://u:p@" + at("proxy");
  EXPECT_EQ(text_of(*client(), "https", "/bytes/3").size(), 3U);
  options_.proxy = "socks5h://" + at("socks");
  EXPECT_EQ(text_of(*client(), "https", "/bytes/3").size(), 3U);
  options_.proxy = "http://u:secret@" + at("proxy");
  const auto error = failure_of("https");
  EXPECT_THAT(error.what(), HasSubstr("the proxy refused"));
  EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
  EXPECT_EQ(error.kind(), ErrorKind::access_denied);
  EXPECT_EQ(error.retry(), base::Retry::never);
  for (const char* wrong : {"gopher://u:secret@h:1", "http://u:secret@h:x"}) {
    options_.proxy = wrong;
    const auto malformed = failure_of("https");
    EXPECT_EQ(malformed.kind(), ErrorKind::invalid_input) << wrong;
    EXPECT_THAT(malformed.what(), HasSubstr("the address of the proxy is malformed"));
    EXPECT_THAT(malformed.what(), Not(HasSubstr("secret")));
  }
  options_.proxy = "http://holdfast-test.invalid:1";
  EXPECT_THAT(failure_of("https").what(), HasSubstr("name of the proxy"));
}

}  // namespace
}  // namespace holdfast::net
