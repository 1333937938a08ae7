#pragma once

#include "base/clock.hpp"
#include "net/http.hpp"
#include "storage/s3/s3_backend.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::storage {

/// Names and values of a URL's query, not yet encoded.
using Query = std::vector<std::pair<std::string, std::string>>;

/// What of a request is signed.
struct ToSign {
  std::string method{};
  std::string path{};  // encoded, beginning with '/'
  Query query{};
  net::Headers headers{};      // all of them; with Host and X-Amz-Date
  std::string payload_hash{};  // SHA-256 in hexadecimal
};

struct SigningScope {
  std::string region{};
  std::string service = "s3";
};

/// "20130524T000000Z"
std::string amz_date(base::WallTime time);
/// The query as it stands in a URL: encoded and sorted.
std::string canonical_query(const Query& query);
/// The value of the Authorization header by AWS Signature Version 4. The headers hold X-Amz-Date.
std::string authorization(const ToSign& request, const SigningScope& scope,
                          const S3Credentials& credentials);

}  // namespace holdfast::storage
