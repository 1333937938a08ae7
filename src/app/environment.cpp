#include "app/environment.hpp"

#include "base/error.hpp"

#include <limits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <span>

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

StoreEnvironment read_store_environment() {
  const auto first_of = [](std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (auto value = variable(name)) return *value;
    }
    return std::string();
  };
  const auto secret = [](const char* name) {
    auto text = variable(name).value_or("");
    base::Secret value(base::as_bytes(text));
    base::wipe(std::as_writable_bytes(std::span(text)));
    return value;
  };
  StoreEnvironment environment;
  environment.ssh_config = first_of({"HOLDFAST_SSH_CONFIG"});
  environment.webdav_password = secret("HOLDFAST_WEBDAV_PASSWORD");
  environment.rest_token = secret("HOLDFAST_REST_TOKEN");
  environment.ftps_password = secret("HOLDFAST_FTPS_PASSWORD");
  const auto home = first_of({"HOME"});
  const auto in_home = [&](const char* name) { return home.empty() ? home : home + name; };
  auto& aws = environment.aws;
  aws.access_key_id = first_of({"AWS_ACCESS_KEY_ID"});
  aws.secret_access_key = secret("AWS_SECRET_ACCESS_KEY");
  aws.session_token = first_of({"AWS_SESSION_TOKEN"});
  aws.profile = first_of({"AWS_PROFILE"});
  aws.credentials_file = first_of({"AWS_SHARED_CREDENTIALS_FILE"});
  if (aws.credentials_file.empty()) aws.credentials_file = in_home("/.aws/credentials");
  aws.config_file = first_of({"AWS_CONFIG_FILE"});
  if (aws.config_file.empty()) aws.config_file = in_home("/.aws/config");
  aws.role_arn = first_of({"AWS_ROLE_ARN"});
  aws.role_token_file = first_of({"AWS_WEB_IDENTITY_TOKEN_FILE"});
  aws.role_endpoint = first_of({"AWS_ENDPOINT_URL_STS"});
  aws.region = first_of({"AWS_REGION", "AWS_DEFAULT_REGION"});
  aws.endpoint = first_of({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  aws.ca_file = first_of({"AWS_CA_BUNDLE"});
  environment.oss = {first_of({"OSS_ACCESS_KEY_ID"}), secret("OSS_ACCESS_KEY_SECRET"),
                     first_of({"OSS_SESSION_TOKEN"}), "",
                     in_home("/.ossutilconfig"),      first_of({"OSS_REGION"}),
                     first_of({"OSS_ENDPOINT"}),      ""};
  environment.cos = {
      first_of({"COS_SECRET_ID"}), secret("COS_SECRET_KEY"), first_of({"COS_SESSION_TOKEN"}), "",
      in_home("/.cos.conf"),       first_of({"COS_REGION"}), first_of({"COS_ENDPOINT"}),      ""};
  environment.http_proxy = first_of({"http_proxy", "all_proxy", "ALL_PROXY"});
  environment.https_proxy = first_of({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  environment.no_proxy = first_of({"no_proxy", "NO_PROXY"});
  return environment;
}

}  // namespace holdfast::app
