#include "webdav_client.hpp"

#include "base/base64.hpp"
#include "base/error.hpp"

#include <fmt/format.h>

#include <array>
#include <span>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t mark_size = 8;
constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;

std::string origin_of(const Location& location) {
  net::Origin origin;
  origin.is_tls = location.scheme == "webdavs";
  origin.host = location.host;
  origin.port = location.port;
  if (origin.port == 0) origin.port = origin.is_tls ? https_port : http_port;
  return origin.url();
}

/// The value of the header that says who asks.
std::string login_of(const Location& location, const WebdavOptions& options) {
  if (location.user.empty()) return {};
  if (location.scheme != "webdavs" && !options.allows_plain_password) {
    throw Error(
        ErrorKind::access_denied,
        fmt::format("the password of {} would go over the network in the open", location.url()))
        .set_hint(
            "use webdavs://; only where nobody else can listen set 'plain_password: true' of "
            "the store");
  }
  if (options.password.empty()) {
    throw Error(ErrorKind::access_denied,
                fmt::format("there is no password for {}", location.url()))
        .set_hint(
            "set HOLDFAST_WEBDAV_PASSWORD, or password_file or password_command of the store "
            "in holdfast.yaml");
  }
  auto text = location.user + ":";
  text += base::as_text(options.password.view());
  auto login = "Basic " + base::to_base64(base::as_bytes(text));
  base::wipe(std::as_writable_bytes(std::span(text)));
  return login;
}

struct StatusRow {
  int status;
  ErrorKind kind;
  const char* hint;
};

constexpr std::array status_rows = {
    StatusRow{403, ErrorKind::access_denied, "check the rights of the user on the server"},
    StatusRow{404, ErrorKind::not_found, ""},
    StatusRow{
        405, ErrorKind::unsupported,
        "check whether the path is a WebDAV folder, and whether the server allows all of PUT, "
        "DELETE, MKCOL, MOVE and PROPFIND there"},
    StatusRow{413, ErrorKind::no_space,
              "the server takes no file of that size: raise its limit (client_max_body_size of "
              "nginx, LimitRequestBody of Apache)"},
    StatusRow{423, ErrorKind::unavailable, "another program holds a lock on it: try later"},
    StatusRow{500, ErrorKind::unavailable,
              "check the log of the server: a full disk and missing rights are the usual causes"},
    StatusRow{501, ErrorKind::unsupported, "check whether the path is a WebDAV folder"},
    StatusRow{507, ErrorKind::no_space, "free some space on the server, or raise the quota"},
};

constexpr const char* later_hint = "the server is busy or in trouble: try later";

}  // namespace

WebdavClient::WebdavClient(const Location& location, const WebdavOptions& options,
                           WebdavContext context)
    : context_(std::move(context)),
      store_(location.url()),
      origin_(origin_of(location)),
      root_(location.path == "/" ? "" : location.path),
      login_(login_of(location, options)),
      retrier_(context_.retries, context_.random, context_.sleeper) {}

std::string WebdavClient::make_mark() const {
  std::array<std::byte, mark_size> mark{};
  context_.random.fill(mark);
  return base::to_hex(mark);
}

std::string WebdavClient::url_of(const std::string& path) const {
  const auto whole = path.starts_with('/') ? path : root_ + "/" + path;
  return origin_ + net::percent_encode(whole, "/");
}

std::unique_ptr<net::Transfer> WebdavClient::start(const DavRequest& request) {
  net::HttpRequest http;
  http.method = request.method;
  http.url = url_of(request.path);
  http.headers = request.headers;
  if (!login_.empty()) http.headers.push_back({"Authorization", login_});
  http.body = request.body;
  http.into = request.into;
  http.body_size_max = request.body_size_max;
  return context_.http->start(std::move(http));
}

net::HttpResponse WebdavClient::wait_for_any(net::Transfer& transfer,
                                             const DavRequest& request) const {
  return base::with_context([&] { return fmt::format("{} in {}", request.doing, store_); },
                            [&] { return transfer.wait(); });
}

Error WebdavClient::error_of(const net::HttpResponse& response, const DavRequest& request) const {
  const auto doing = fmt::format("{} in {}", request.doing, store_);
  auto error = net::status_error(response, doing);
  if (response.status == 401) {
    const auto said = net::find_header(response.headers, "www-authenticate").value_or("");
    if (!login_.empty() && !said.empty() && said.find("asic") == said.npos) {
      return error.set_hint(
          "the server takes no plain password (Basic), and this version no other "
          "kind of login");
    }
    return error.set_hint(login_.empty() ? "the server wants a user: write webdavs://user@host/path"
                                         : "check the user in the address, and the password");
  }
  for (const auto& row : status_rows) {
    if (row.status != response.status) continue;
    Error known(row.kind, error.what());
    known.set_layer(error.layer());
    if (const auto asked = error.retry_after_seconds()) known.set_retry_after(*asked);
    return *row.hint == '\0' ? known : known.set_hint(row.hint);
  }
  if (response.status >= 300 && response.status < 400) {
    return error.set_hint(
        "the server points elsewhere: check the path, and webdavs:// or webdav://");
  }
  return error.retry() == base::Retry::later ? error.set_hint(later_hint) : error;
}

}  // namespace holdfast::storage
