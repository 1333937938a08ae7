#include "app/environment.hpp"

#include "base/error.hpp"

#include <limits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>

namespace holdfast::app {

namespace {

std::optional<std::string> variable(const char* name) {
  // Read once, before any thread is started.
  const char* value = ::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr || *value == '\0') return {};
  return value;
}

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

std::string working_directory() {
  std::error_code code;
  const auto path = std::filesystem::current_path(code);
  if (code) throw base::system_error(code.value(), "finding the working directory");
  return path.string();
}

}  // namespace

cli::Environment read_environment(const std::string& version) {
  cli::Environment environment;
  environment.version = version;
  environment.host = host_name();
  environment.working_directory = working_directory();
  environment.is_root = ::geteuid() == 0;
  environment.colours_allowed = !variable("NO_COLOR") && variable("TERM") != "dumb";
  environment.repository = variable("HOLDFAST_REPO");
  environment.passphrase_file = variable("HOLDFAST_PASSPHRASE_FILE");
  environment.key_file = variable("HOLDFAST_KEY_FILE");
  environment.cache_directory = variable("HOLDFAST_CACHE_DIR");
  environment.config = variable("HOLDFAST_CONFIG");
  environment.xdg_cache_home = variable("XDG_CACHE_HOME");
  environment.home = variable("HOME");
  return environment;
}

std::string ssh_config_file() { return variable("HOLDFAST_SSH_CONFIG").value_or(""); }

}  // namespace holdfast::app
