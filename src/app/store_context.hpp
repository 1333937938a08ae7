#pragma once

#include "app/environment.hpp"
#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/rate_limit.hpp"
#include "base/retry.hpp"
#include "base/secret.hpp"
#include "config/config.hpp"
#include "doctor/examination.hpp"
#include "net/curl_client.hpp"
#include "storage/backend.hpp"
#include "storage/location.hpp"

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::app {

/// What stores need of the program. Borrowed.
struct StoreContext {
  const StoreEnvironment& environment;
  const config::Store& settings;
  const base::RateLimits& limits;
  const base::Clock& clock;
  base::Random& random;
  const std::stop_token& stopping;
  bool creates = false;  // the place may be new
  /// How often calls are made again, and for how long a silent server is waited for.
  base::RetryPolicy retries{};
  unsigned stall_seconds = 60;
};

/// The authorities, certificates and proxy of the store.
net::HttpOptions http_options(const StoreContext& context, const std::string& usual_ca_file = "");
/// A client with these.
std::shared_ptr<net::HttpClient> make_http_client(const StoreContext& context,
                                                  const std::string& usual_ca_file = "");
/// The password of the user that the location names: from a command or a file, else `usual`. Empty:
/// there is none. Errors: as output_of and base::read_file.
base::Secret find_password(const StoreContext& context, const base::Secret& usual);
/// What a command printed, cut at `size_max` bytes. Errors: as sources::open_command.
base::Bytes output_of(const std::vector<std::string>& command, std::size_t size_max,
                      const std::stop_token& stopping);

/// Of what a file holds or a command printed: its first line. Wipes the rest.
base::Secret first_line(base::Bytes bytes);

/// Straight to a server that speaks HTTP, unless a proxy stands between.
doctor::Way way_to(const net::Origin& origin, const StoreContext& context);

/// A bucket, with what configuration and environment say of it. Errors: access_denied when there
/// are no credentials.
std::unique_ptr<storage::Backend> open_s3_store(const storage::Location& location,
                                                const StoreContext& context);
/// A repository of `holdfast serve --store`, likewise.
std::unique_ptr<storage::Backend> open_rest_store(const storage::Location& location,
                                                  const StoreContext& context);
/// A folder of a WebDAV server, likewise.
std::unique_ptr<storage::Backend> open_webdav_store(const storage::Location& location,
                                                    const StoreContext& context);
/// A folder of an FTP server, likewise.
std::unique_ptr<storage::Backend> open_ftps_store(const storage::Location& location,
                                                  const StoreContext& context);

doctor::Way way_to_s3_store(const storage::Location& location, const StoreContext& context);
doctor::Way way_to_rest_store(const storage::Location& location, const StoreContext& context);
doctor::Way way_to_webdav_store(const storage::Location& location, const StoreContext& context);
doctor::Way way_to_ftps_store(const storage::Location& location, const StoreContext& context);
/// Where ssh connects to, by its own configuration, unless a jump host stands between.
doctor::Way way_to_sftp_store(const storage::Location& location, const StoreContext& context);

}  // namespace holdfast::app
