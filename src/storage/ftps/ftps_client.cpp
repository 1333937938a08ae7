#include "ftps_client.hpp"

#include "base/units.hpp"

#include <fmt/format.h>

#include <array>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::uint16_t usual_port = 21;
constexpr std::uint16_t implicit_port = 990;
constexpr std::size_t mark_size = 8;
constexpr std::size_t path_size_max = 1000;

struct CodeRow {
  int code;
  ErrorKind kind;
  const char* hint;
};

constexpr const char* full_hint =
    "free some space on the server or raise the quota; holdfast prune works without any";
constexpr const char* rights_hint = "check what the user may do in that folder on the server";

constexpr std::array code_rows = {
    CodeRow{452, ErrorKind::no_space, full_hint},
    CodeRow{552, ErrorKind::no_space, full_hint},
    CodeRow{500, ErrorKind::unsupported, "the server lacks what is needed: use another one"},
    CodeRow{501, ErrorKind::unsupported, "the server lacks what is needed: use another one"},
    CodeRow{502, ErrorKind::unsupported, "the server lacks what is needed: use another one"},
    CodeRow{504, ErrorKind::unsupported, "the server lacks what is needed: use another one"},
    CodeRow{530, ErrorKind::access_denied, "check the user in the address, and the password"},
    CodeRow{532, ErrorKind::access_denied, rights_hint},
    CodeRow{550, ErrorKind::access_denied, rights_hint},
    CodeRow{551, ErrorKind::access_denied, rights_hint},
    CodeRow{553, ErrorKind::access_denied, rights_hint},
};

/// The same, with the password, when it may be sent there.
net::FtpServer server_to_log_in_at(const Location& location, base::Secret password,
                                   const FtpsOptions& options) {
  auto server = ftp_server(location, options.is_implicit);
  server.password = std::move(password);
  if (server.tls == net::FtpTls::none && !options.allows_plain) {
    throw Error(ErrorKind::access_denied,
                fmt::format("{} would send names and password in the open", location.url()))
        .set_hint(
            "write ftps://; if the network can be trusted, set 'plain_password: true' of the "
            "store in holdfast.yaml");
  }
  if (location.user.empty()) {
    throw Error(ErrorKind::invalid_input, fmt::format("{} names no user", location.url()))
        .set_hint("write ftps://user@host/path");
  }
  if (server.password.empty()) {
    throw Error(ErrorKind::access_denied,
                fmt::format("there is no password for {}", location.url()))
        .set_hint(
            "set HOLDFAST_FTPS_PASSWORD, or name password_file or password_command of the store "
            "in holdfast.yaml");
  }
  return server;
}

/// "/path", without '/' at its end.
std::string root_of(const Location& location) {
  const auto root = location.path == "/" ? "" : location.path;
  // Servers take some characters of a folder's name for patterns.
  const bool has_pattern = root.find_first_of("*?[]{}\\") != root.npos;
  if (root.size() <= path_size_max && !has_pattern) return root;
  throw Error(ErrorKind::invalid_input,
              fmt::format("'{}' cannot be a folder for a store over FTP", base::printable(root)))
      .set_hint("use a path of at most 1000 bytes without * ? [ ] { } and backslashes");
}

}  // namespace

net::FtpServer ftp_server(const Location& location, bool is_implicit) {
  net::FtpServer server;
  server.host = location.host;
  server.port = location.port == 0 ? usual_port : location.port;
  server.user = location.user;
  if (location.scheme == "ftp") {
    server.tls = net::FtpTls::none;
  } else if (is_implicit || location.port == implicit_port) {
    server.tls = net::FtpTls::at_once;
    if (location.port == 0) server.port = implicit_port;
  }
  return server;
}

FtpsClient::FtpsClient(const Location& location, base::Secret password, const FtpsOptions& options,
                       FtpsContext context)
    : server_(server_to_log_in_at(location, std::move(password), options)),
      context_(std::move(context)),
      store_(location.url()),
      root_(root_of(location)),
      retrier_(context_.retries, context_.random, context_.sleeper),
      pool_([this] { return context_.connect(server_); }, options.connections_max) {}

std::string FtpsClient::make_mark() const {
  std::array<std::byte, mark_size> mark{};
  context_.random.fill(mark);
  return base::to_hex(mark);
}

Error FtpsClient::error_of(const net::FtpReply& reply, const std::string& doing) const {
  constexpr std::size_t shown_size_max = 300;
  const auto text = fmt::format("{} in {}: the server said {} {}", doing, store_, reply.code,
                                base::printable(reply.text.substr(0, shown_size_max)));
  for (const auto& row : code_rows) {
    if (row.code == reply.code) return Error(row.kind, text).set_hint(row.hint);
  }
  if (reply.code >= 500) return {ErrorKind::io, text};
  return Error(ErrorKind::unavailable, text).set_hint("check the server's log");
}

}  // namespace holdfast::storage
