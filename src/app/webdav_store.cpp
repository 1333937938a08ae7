#include "storage/webdav/webdav_backend.hpp"
#include "store_context.hpp"

namespace holdfast::app {

doctor::Way way_to_webdav_store(const storage::Location& location, const StoreContext& context) {
  const bool is_tls = location.scheme == "webdavs";
  const std::uint16_t usual_port = is_tls ? 443 : 80;
  return way_to({is_tls, location.host, location.port == 0 ? usual_port : location.port}, context);
}

std::unique_ptr<storage::Backend> open_webdav_store(const storage::Location& location,
                                                    const StoreContext& context) {
  storage::WebdavOptions options;
  if (!location.user.empty()) {
    options.password = find_password(context, context.environment.webdav_password);
  }
  options.allows_plain_password = context.settings.login.allows_plain_password;
  return storage::open_webdav(
      location, options,
      {make_http_client(context), context.clock, context.random,
       base::make_sleeper(context.stopping), context.retries},
      context.creates ? storage::WebdavOpen::create : storage::WebdavOpen::existing);
}

}  // namespace holdfast::app
