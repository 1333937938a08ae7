#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::net {

class BodyPipe;

/// How many requests a client has under way at one server; more wait.
constexpr unsigned transfers_at_once = 16;

struct Header {
  std::string name;
  std::string value;
};
using Headers = std::vector<Header>;

/// The value of the first header with that name, whatever the case of its letters.
std::optional<std::string> find_header(const Headers& headers, std::string_view name);

/// "Name: value" and a line end, without the spaces around. Nothing for any other line.
std::optional<Header> parse_header(std::string_view line);

/// One request. What it borrows must live until its transfer ended.
struct HttpRequest {
  std::string method = "GET";
  std::string url;  // http:// or https://, without a user
  Headers headers{};
  // What is sent, one of them; nothing: an empty body where the method has one.
  base::ByteView body{};
  std::shared_ptr<BodyPipe> body_pipe{};
  // Where the body of a reply goes whose status is 2xx; nothing: to HttpResponse::body. One that
  // does not fit into `into` ends the transfer with an error.
  base::MutableBytes into{};
  std::shared_ptr<BodyPipe> into_pipe{};
  /// Of HttpResponse::body: a longer one ends the transfer with an error.
  std::size_t body_size_max = std::size_t{1} << 20;
  /// The whole transfer, however much moves; 0: without end.
  long seconds_max = 3600;
};

struct HttpResponse {
  int status = 0;
  Headers headers{};
  base::Bytes body{};
  std::uint64_t received = 0;  // bytes of the body of a 2xx, wherever they went
  /// More than once when a connection that had been kept broke before an answer came: the server
  /// may have done what was asked before.
  int times_sent = 1;
  std::optional<double> retry_after_seconds{};

  bool is_success() const { return status >= 200 && status < 300; }
  base::ByteView body_view() const { return body; }
};

/// A request under way. Dropping it cancels it. Threads: one at a time.
class Transfer {
public:
  virtual ~Transfer() = default;
  /// Waits for the end; once. Errors: of the connection only, a status is none. Unavailable when it
  /// may pass later, access_denied when the other side is not who it should be; Cancelled.
  virtual HttpResponse wait() = 0;
  /// Whether wait() would return at once.
  virtual bool has_ended() const = 0;
  /// Bytes of the body of a 2xx that came so far, also when wait() threw.
  virtual std::uint64_t received() const = 0;
};

/// Does HTTP requests, many at once. Threads: every call may be made from any.
class HttpClient {
public:
  virtual ~HttpClient() = default;
  virtual std::unique_ptr<Transfer> start(HttpRequest request) = 0;
  HttpResponse send(HttpRequest request) { return start(std::move(request))->wait(); }
};

/// What a status means that a caller did not expect: access_denied for 401, 403 and 407, not_found,
/// conflict for 409 and 412, unavailable for 408, 425, 429 and 5xx, no_space for 507, else
/// unsupported. `doing` names the act and the thing.
base::Error status_error(const HttpResponse& response, const std::string& doing);

/// "Sat, 21 Nov 2026 19:44:12 GMT", as HTTP writes times; nothing for any other text.
std::optional<base::WallTime> parse_http_date(std::string_view text);
/// The server's clock as its "Date" says; nothing when it does not.
std::optional<base::WallTime> time_of_server(const HttpResponse& response);

/// "https://host:443" in parts.
struct Origin {
  bool is_tls = true;
  std::string host;  // an IPv6 address without brackets
  std::uint16_t port = 0;
  /// As it stands in a URL and a Host header: the port only when it is not the usual one.
  std::string authority() const;
  std::string url() const;
};
/// Errors: invalid_input unless `text` is http:// or https://, a host, perhaps a port, and nothing
/// else but one '/' at the end.
Origin parse_origin(std::string_view text);

/// RFC 3986: all but letters, digits, '-', '.', '_', '~' and the characters of `kept` as %XX.
std::string percent_encode(std::string_view text, std::string_view kept = {});
/// The text that percent_encode made `encoded` of. Nothing when it has a % without two digits.
std::optional<std::string> percent_decode(std::string_view encoded);
/// A URL for messages: without user, query and fragment.
std::string url_for_messages(std::string_view url);

}  // namespace holdfast::net
