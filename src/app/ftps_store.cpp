#include "net/curl_ftp.hpp"
#include "storage/ftps/ftps_backend.hpp"
#include "store_context.hpp"

namespace holdfast::app {

doctor::Way way_to_ftps_store(const storage::Location& location, const StoreContext& context) {
  const auto server = storage::ftp_server(location, context.settings.login.begins_with_tls);
  // Proxies are asked for as by servers that speak HTTP over TLS.
  auto way = way_to({true, server.host, server.port}, context);
  way.has_trust = server.tls != net::FtpTls::none;
  return way;
}

std::unique_ptr<storage::Backend> open_ftps_store(const storage::Location& location,
                                                  const StoreContext& context) {
  storage::FtpsOptions options;
  options.is_implicit = context.settings.login.begins_with_tls;
  options.allows_plain = context.settings.login.allows_plain_password;
  const auto connect = [http = http_options(context), &clock = context.clock,
                        stopping = context.stopping](const net::FtpServer& server) {
    return net::make_ftp_session(server, http, clock, stopping);
  };
  return storage::open_ftps(
      location, find_password(context, context.environment.ftps_password), options,
      {connect, context.random, base::make_sleeper(context.stopping), context.retries},
      context.creates ? storage::FtpsOpen::create : storage::FtpsOpen::existing);
}

}  // namespace holdfast::app
