#pragma once

#include "base/secret.hpp"
#include "cli/environment.hpp"

#include <string>

namespace holdfast::app {

/// The process's environment variables, host name, working directory and user. An empty variable
/// counts as not set. Errors: io when the working directory is gone.
cli::Environment read_environment(const std::string& version);
/// What stores take from the environment. Empty: not set.
struct StoreEnvironment {
  std::string ssh_config{};        // HOLDFAST_SSH_CONFIG: instead of the user's own
  base::Secret webdav_password{};  // HOLDFAST_WEBDAV_PASSWORD
  base::Secret rest_token{};       // HOLDFAST_REST_TOKEN
  base::Secret ftps_password{};    // HOLDFAST_FTPS_PASSWORD
  // As AWS's tools call them.
  std::string aws_access_key_id{};
  base::Secret aws_secret_access_key{};
  std::string aws_session_token{};
  std::string aws_profile{};
  std::string aws_credentials_file{};  // AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials
  std::string aws_region{};
  std::string aws_endpoint{};
  std::string aws_ca_file{};
  // As libcurl reads them, or ALL_PROXY.
  std::string http_proxy{};
  std::string https_proxy{};
  std::string no_proxy{};
};
StoreEnvironment read_store_environment();

}  // namespace holdfast::app
