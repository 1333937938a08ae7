#include "store_context.hpp"

#include "base/fd.hpp"
#include "net/curl_client.hpp"
#include "sources/stream/stream_source.hpp"

#include <algorithm>
#include <string_view>

namespace holdfast::app {

namespace {

/// As libcurl decides it, for the names that people put into NO_PROXY.
bool goes_through_proxy(const net::Origin& origin, const StoreContext& context) {
  if (context.settings.http.proxy) return !context.settings.http.proxy->empty();
  const auto& environment = context.environment;
  if ((origin.is_tls ? environment.https_proxy : environment.http_proxy).empty()) return false;
  std::string_view rest = environment.no_proxy;
  while (!rest.empty()) {
    auto name = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    while (name.starts_with(' ') || name.starts_with('.'))
      name.remove_prefix(1);
    if (name == "*") return false;
    if (!name.empty() && std::string_view(origin.host).ends_with(name)) return false;
  }
  return true;
}

constexpr std::size_t password_size_max = 4096;

}  // namespace

doctor::Way way_to(const net::Origin& origin, const StoreContext& context) {
  doctor::Way way;
  way.is_remote = true;
  way.has_trust = origin.is_tls;
  if (!goes_through_proxy(origin, context)) way.endpoint = {origin.host, origin.port};
  return way;
}

net::HttpOptions http_options(const StoreContext& context, const std::string& usual_ca_file) {
  const auto& http = context.settings.http;
  net::HttpOptions options;
  options.ca_file = http.ca_file.value_or(usual_ca_file);
  options.client_certificate = http.client_certificate.value_or("");
  options.client_key = http.client_key.value_or("");
  options.pinned_key = http.pinned_key.value_or("");
  options.proxy = http.proxy;
  options.limits = context.limits;
  options.stall_seconds_max = context.stall_seconds;
  return options;
}

std::shared_ptr<net::HttpClient> make_http_client(const StoreContext& context,
                                                  const std::string& usual_ca_file) {
  return net::make_http_client(http_options(context, usual_ca_file), context.clock,
                               context.stopping);
}

base::Secret find_password(const StoreContext& context, const base::Secret& usual) {
  const auto& login = context.settings.login;
  if (!login.password_command.empty()) {
    return first_line(output_of(login.password_command, password_size_max, context.stopping));
  }
  if (login.password_file) {
    return first_line(base::read_file(*login.password_file, password_size_max));
  }
  return usual.clone();
}

base::Bytes output_of(const std::vector<std::string>& command, std::size_t size_max,
                      const std::stop_token& stopping) {
  const auto stream = sources::open_command(command, "/output");
  base::Bytes bytes(size_max);
  std::size_t size = 0;
  while (size < bytes.size()) {
    const auto count = stream->read(base::MutableBytes(bytes).subspan(size), stopping);
    if (count == 0) break;
    size += count;
  }
  stream->finish();
  bytes.resize(size);
  return bytes;
}

base::Secret first_line(base::Bytes bytes) {
  const auto text = base::as_text(bytes);
  base::Secret line(base::as_bytes(text.substr(0, text.find_first_of("\r\n"))));
  base::wipe(bytes);
  return line;
}

}  // namespace holdfast::app
