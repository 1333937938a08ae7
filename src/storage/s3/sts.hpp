#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "net/http.hpp"
#include "storage/s3/s3_backend.hpp"

#include <cstdint>
#include <string>

namespace holdfast::storage {

/// Whose rights are asked for, at AWS's Security Token Service or one that speaks its protocol.
struct AssumedRole {
  std::string endpoint{};  // "https://sts.eu-central-1.amazonaws.com"
  std::string region = "us-east-1";
  std::string role_arn{};
  std::string session_name = "holdfast";  // in the logs of the service
  std::string external_id{};              // if the role's owner gave one
  std::int64_t duration_seconds = 3600;
};

/// Credentials of a role for a time, for who has others.
/// Errors: access_denied when the service refuses; of the connection; corrupt.
S3Credentials assume_role(net::HttpClient& http, const base::Clock& clock, const AssumedRole& role,
                          const S3Credentials& own);

/// The same for who has a token of an identity provider, which proves who asks.
S3Credentials assume_role_with_token(net::HttpClient& http, const AssumedRole& role,
                                     base::ByteView token);

}  // namespace holdfast::storage
