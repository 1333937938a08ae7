#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/retry.hpp"
#include "net/ftp.hpp"
#include "storage/backend.hpp"
#include "storage/location.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace holdfast::storage {

struct FtpsOptions {
  /// TLS from the first byte also where the port is not 990.
  bool is_implicit = false;
  /// ftp://, where everybody on the way can read names and password.
  bool allows_plain = false;
  std::size_t connections_max = 4;
};

/// A session with the server. What it is given lives as long as the store.
using MakeFtpSession = std::function<std::unique_ptr<net::FtpSession>(const net::FtpServer&)>;

/// What a store needs of the program. Borrowed, but for `connect`.
struct FtpsContext {
  MakeFtpSession connect;
  base::Random& random;
  base::Sleeper sleeper;
  base::RetryPolicy retries{};
};

enum class FtpsOpen : std::uint8_t { existing, create };

/// Where such a location is, without the password. `is_implicit`: as in the options.
net::FtpServer ftp_server(const Location& location, bool is_implicit);

/// Objects as files below a folder of an FTP server.
///
/// Location: ftps://user@host:port/path: explicit TLS (AUTH TLS), port 21 unless said; at port 990,
///           or when the options say so, implicit TLS. ftp:// is the same without TLS. The path is
///           absolute as the login sees it, and plain text.
/// Durable:  when the server says so; FTP has no way to ask for more, so that a power cut of the
///           server may take what was written in its last seconds.
/// Memory:   a writer keeps up to 8 MiB.
/// Errors:   what may pass later is done again here; an upload goes on where the server has got to,
///           a download where it stood. access_denied for a wrong or missing password and for
///           ftp:// that is not asked for; not_found when the folder is gone; unsupported, at the
///           first write, from servers that move a folder onto one that holds something.
/// With `create` the folder is made if missing.
std::unique_ptr<Backend> open_ftps(const Location& location, base::Secret password,
                                   const FtpsOptions& options, FtpsContext context, FtpsOpen mode);

}  // namespace holdfast::storage
