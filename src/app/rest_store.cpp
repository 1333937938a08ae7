#include "base/private_file.hpp"
#include "base/units.hpp"
#include "storage/rest/rest_backend.hpp"
#include "store_context.hpp"

#include <utility>

namespace holdfast::app {

namespace {

constexpr std::size_t token_size_max = 4096;

base::Secret find_token(const StoreContext& context) {
  const auto& token = context.settings.token;
  if (!token.command.empty()) {
    return first_line(output_of(token.command, token_size_max, context.stopping));
  }
  if (!token.file) return context.environment.rest_token.clone();
  const auto name = "the file of the token " + base::printable(*token.file);
  const auto content = base::read_private_file(*token.file, name, token_size_max);
  return first_line(base::copy_of(content.view()));
}

}  // namespace

doctor::Way way_to_rest_store(const storage::Location& location, const StoreContext& context) {
  constexpr std::uint16_t usual_port = 443;
  return way_to({true, location.host, location.port == 0 ? usual_port : location.port}, context);
}

std::unique_ptr<storage::Backend> open_rest_store(const storage::Location& location,
                                                  const StoreContext& context) {
  return storage::open_rest(
      location, find_token(context),
      {make_http_client(context), context.random, base::make_sleeper(context.stopping),
       context.retries},
      context.creates ? storage::RestOpen::create : storage::RestOpen::existing);
}

}  // namespace holdfast::app
