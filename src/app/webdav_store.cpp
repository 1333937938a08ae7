#include "base/error.hpp"
#include "base/fd.hpp"
#include "storage/webdav/webdav_backend.hpp"
#include "store_context.hpp"

#include <fmt/format.h>

#include <utility>

namespace holdfast::app {

namespace {

constexpr std::size_t password_size_max = 4096;

base::Secret find_password(const StoreContext& context) {
  const auto& login = context.settings.login;
  if (!login.password_command.empty()) {
    return first_line(output_of(login.password_command, password_size_max, context.stopping));
  }
  if (login.password_file) {
    return first_line(base::read_file(*login.password_file, password_size_max));
  }
  return context.environment.webdav_password.clone();
}

}  // namespace

doctor::Way way_to_webdav_store(const storage::Location& location, const StoreContext& context) {
  const bool is_tls = location.scheme == "webdavs";
  const std::uint16_t usual_port = is_tls ? 443 : 80;
  return way_to({is_tls, location.host, location.port == 0 ? usual_port : location.port}, context);
}

std::unique_ptr<storage::Backend> open_webdav_store(const storage::Location& location,
                                                    const StoreContext& context) {
  storage::WebdavOptions options;
  if (!location.user.empty()) options.password = find_password(context);
  options.allows_plain_password = context.settings.login.allows_plain_password;
  return storage::open_webdav(
      location, options,
      {make_http_client(context), context.clock, context.random,
       base::make_sleeper(context.stopping), context.retries},
      context.creates ? storage::WebdavOpen::create : storage::WebdavOpen::existing);
}

}  // namespace holdfast::app
