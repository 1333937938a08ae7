#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/retry.hpp"
#include "base/secret.hpp"
#include "net/http.hpp"
#include "storage/backend.hpp"
#include "storage/location.hpp"

#include <cstdint>
#include <memory>

namespace holdfast::storage {

struct WebdavOptions {
  base::Secret password{};  // of the user that the location names
  /// A password over webdav://, which everybody on the way can read.
  bool allows_plain_password = false;
};

/// What a store needs of the program. Borrowed, but for the client, which stores may share.
struct WebdavContext {
  std::shared_ptr<net::HttpClient> http;
  const base::Clock& clock;
  base::Random& random;
  base::Sleeper sleeper;
  base::RetryPolicy retries{};
};

enum class WebdavOpen : std::uint8_t { existing, create };

/// Objects as files below a folder of a WebDAV server.
///
/// Location: webdavs://user@host:port/path, or webdav:// without TLS. The path is plain text.
/// Durable:  when the server says so; most do not sync, so that a power cut of theirs may take what
///           was written in its last seconds.
/// Memory:   a writer keeps its object until commit, because a server takes it whole or not at all.
/// Errors:   what may pass later is done again here; whether a request with a lost reply was done
///           is found out. access_denied for a wrong or missing password; not_found when the folder
///           is gone; unsupported, at the first write, from servers that replace files when told
///           not to.
/// With `create` the folder is made if missing.
std::unique_ptr<Backend> open_webdav(const Location& location, const WebdavOptions& options,
                                     WebdavContext context, WebdavOpen mode);

}  // namespace holdfast::storage
