#pragma once

#include "base/clock.hpp"
#include "base/rate_limit.hpp"
#include "net/http.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace holdfast::net {

struct HttpOptions {
  std::string user_agent = "holdfast";
  std::string ca_file{};             // instead of the system's authorities
  std::string client_certificate{};  // PEM
  std::string client_key{};          // PEM; empty: in the file of the certificate
  std::string pinned_key{};          // "sha256//BASE64", several joined by ';'
  /// http://, https://, socks4a:// or socks5h:// with host and port; empty: none; nothing: what
  /// HTTPS_PROXY, ALL_PROXY and NO_PROXY say.
  std::optional<std::string> proxy{};
  long connect_seconds_max = 30;
  double stall_seconds_max = 60;             // nothing moves for so long: given up
  long connections_max = transfers_at_once;  // to one server; more requests wait
  base::RateLimits limits{};                 // of all bodies together
};

/// A client over libcurl with one thread. Connections are kept and used again, and each carries
/// one request at a time. Redirections are answers like others, bodies come as they are (nothing is
/// unpacked), certificates are always checked.
///
/// Errors:  once `stopping` is asked for, a transfer in which nothing moves for five seconds throws
///          Cancelled, and so does one that waits for a limit, unless it began after that. Others
///          end as usual: what a run takes back when it stops goes the same way.
/// Threads: see HttpClient. Borrows `clock`.
std::unique_ptr<HttpClient> make_http_client(HttpOptions options, const base::Clock& clock,
                                             std::stop_token stopping);

}  // namespace holdfast::net
