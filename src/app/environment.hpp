#pragma once

#include "base/secret.hpp"
#include "cli/environment.hpp"

#include <string>

namespace holdfast::app {

/// The process's environment variables, host name, working directory and user. An empty variable
/// counts as not set. Errors: io when the working directory is gone.
cli::Environment read_environment(const std::string& version);
/// What a kind of bucket takes from the environment. Empty: not set.
struct BucketEnvironment {
  std::string access_key_id{};
  base::Secret secret_access_key{};
  std::string session_token{};
  std::string profile{};
  std::string credentials_file{};
  std::string region{};
  std::string endpoint{};
  std::string ca_file{};
  std::string config_file{};  // with profiles that name roles
  std::string role_arn{};     // AWS_ROLE_ARN, with AWS_WEB_IDENTITY_TOKEN_FILE
  std::string role_token_file{};
  std::string role_endpoint{};  // AWS_ENDPOINT_URL_STS
};
/// What stores take from the environment. Empty: not set.
struct StoreEnvironment {
  std::string ssh_config{};        // HOLDFAST_SSH_CONFIG: instead of the user's own
  base::Secret webdav_password{};  // HOLDFAST_WEBDAV_PASSWORD
  base::Secret rest_token{};       // HOLDFAST_REST_TOKEN
  base::Secret ftps_password{};    // HOLDFAST_FTPS_PASSWORD
  BucketEnvironment aws{};  // as AWS's tools call them: AWS_ACCESS_KEY_ID, ~/.aws/credentials, ...
  BucketEnvironment oss{};  // OSS_ACCESS_KEY_ID, ~/.ossutilconfig, ...
  BucketEnvironment cos{};  // COS_SECRET_ID, ~/.cos.conf, ...
  // As libcurl reads them, or ALL_PROXY.
  std::string http_proxy{};
  std::string https_proxy{};
  std::string no_proxy{};
};
StoreEnvironment read_store_environment();

}  // namespace holdfast::app
