#include "store_context.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>

namespace holdfast::app {

namespace {

constexpr std::size_t ssh_settings_size_max = 256UL * 1024;

/// What ssh itself makes of its configuration for this host: "hostname x", "port 22", ...
std::map<std::string, std::string> ssh_settings(const storage::Location& location,
                                                const StoreContext& context) {
  std::vector<std::string> arguments = {"ssh", "-G"};
  const auto& file = context.environment.ssh_config;
  if (!file.empty()) arguments.push_back("-F" + file);
  if (!location.user.empty()) arguments.push_back("-l" + location.user);
  if (location.port != 0) arguments.push_back("-p" + std::to_string(location.port));
  arguments.insert(arguments.end(), {"--", location.host});
  const auto printed = output_of(arguments, ssh_settings_size_max, context.stopping);
  std::map<std::string, std::string> settings;
  auto text = base::as_text(printed);
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto space = line.find(' ');
    if (space != line.npos) settings.emplace(line.substr(0, space), line.substr(space + 1));
  }
  return settings;
}

}  // namespace

doctor::Way way_to_sftp_store(const storage::Location& location, const StoreContext& context) {
  doctor::Way way;
  way.is_remote = way.has_trust = true;
  auto settings = ssh_settings(location, context);
  const auto is_set = [&](const char* name) {
    const auto found = settings.find(name);
    return found != settings.end() && found->second != "none";
  };
  if (is_set("proxyjump") || is_set("proxycommand")) return way;
  doctor::Endpoint endpoint{settings["hostname"], 0};
  const auto& port = settings["port"];
  std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (!endpoint.host.empty() && endpoint.port != 0) way.endpoint = endpoint;
  return way;
}

}  // namespace holdfast::app
