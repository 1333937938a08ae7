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

/// The same by Aliyun's OSS4-HMAC-SHA256. Headers that begin with x-oss- (x-oss-date is one),
/// Content-Type and Content-MD5 are signed, and those that `also_signed` names in small letters and
/// in order. The path is that of the object alone; the bucket goes before it whatever the URL is.
std::string oss_authorization(const ToSign& request, const std::string& region,
                              const std::string& bucket,
                              const std::vector<std::string>& also_signed,
                              const S3Credentials& credentials);
/// The same by Tencent's signature, which counts from one second of Unix time to another one. All
/// headers are signed.
std::string cos_authorization(const ToSign& request, std::int64_t from, std::int64_t to,
                              const S3Credentials& credentials);

/// Where and when a request is made, and as whom.
struct SigningContext {
  const S3Credentials& credentials;
  const std::string& region;
  const std::string& bucket;
  base::ByteView body;
  base::WallTime now;
};
/// Each adds the headers by which a store knows who asks, and what was sent. Host must be there.
void sign_for_aws(ToSign& request, const SigningContext& context);
void sign_for_oss(ToSign& request, const SigningContext& context);
void sign_for_cos(ToSign& request, const SigningContext& context);

}  // namespace holdfast::storage
