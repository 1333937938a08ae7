// What the codes of S3 mean. A store's own message is shown: it often names the policy or limit.

#include "base/units.hpp"
#include "s3_client.hpp"
#include "xml.hpp"

#include <fmt/format.h>

#include <array>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t message_size_max = 300;

struct CodeRow {
  std::string_view code;
  ErrorKind kind;
  const char* hint;
  base::Layer layer = base::Layer::unknown;
};

constexpr const char* credentials_hint =
    "check the access key, the secret key, and which profile or variables they come from";
constexpr const char* later_hint = "the store is busy or in trouble: try later";
constexpr const char* region_hint = "set 'region' of the store to the bucket's own region";
constexpr const char* token_hint = "renew the temporary credentials";
constexpr const char* clock_hint =
    "set the clock of this machine: it differs from the store's by more than 15 minutes";
constexpr const char* account_hint = "the account must be paid or reopened: ask the provider";
constexpr const char* accelerate_hint =
    "enable acceleration of the bucket, or leave out 'network: accelerate'";
constexpr const char* damaged_hint =
    "what arrived is not what was sent: check the network and the memory of both machines";

constexpr std::array code_rows = {
    CodeRow{"AccessDenied", ErrorKind::access_denied,
            "the credentials are known but may not do this: check the policies of the user and of "
            "the bucket, and object locks",
            base::Layer::rights},
    CodeRow{"AllAccessDisabled", ErrorKind::access_denied, "ask the provider", base::Layer::rights},
    CodeRow{"InvalidAccessKeyId", ErrorKind::access_denied, credentials_hint, base::Layer::login},
    CodeRow{"SignatureDoesNotMatch", ErrorKind::access_denied, credentials_hint,
            base::Layer::login},
    CodeRow{"ExpiredToken", ErrorKind::access_denied, token_hint, base::Layer::login},
    CodeRow{"SecurityTokenExpired", ErrorKind::access_denied, token_hint, base::Layer::login},
    CodeRow{"InvalidToken", ErrorKind::access_denied, token_hint, base::Layer::login},
    CodeRow{"InvalidSecurityToken", ErrorKind::access_denied, token_hint, base::Layer::login},
    CodeRow{"AccessKeyIdAndSecurityTokenNotMatch", ErrorKind::access_denied, credentials_hint,
            base::Layer::login},
    CodeRow{"RequestTimeTooSkewed", ErrorKind::access_denied, clock_hint, base::Layer::clock},
    CodeRow{"RequestIsExpired", ErrorKind::access_denied, clock_hint, base::Layer::clock},
    CodeRow{"UserDisable", ErrorKind::access_denied, account_hint, base::Layer::rights},
    CodeRow{"InDebt", ErrorKind::access_denied, account_hint, base::Layer::rights},
    CodeRow{"InDebtOverdue", ErrorKind::access_denied, account_hint, base::Layer::rights},
    CodeRow{"UnavailableForLegalReasons", ErrorKind::access_denied, account_hint,
            base::Layer::rights},
    CodeRow{"NoSuchBucket", ErrorKind::not_found,
            "check the name of the bucket, its region and the endpoint", base::Layer::place},
    CodeRow{"NoSuchKey", ErrorKind::not_found, ""},
    CodeRow{"NoSuchUpload", ErrorKind::not_found, ""},
    CodeRow{"BucketAlreadyExists", ErrorKind::already_exists,
            "the name belongs to somebody else: choose another one", base::Layer::place},
    CodeRow{"InvalidBucketName", ErrorKind::invalid_input, "check the name of the bucket",
            base::Layer::place},
    CodeRow{"PermanentRedirect", ErrorKind::invalid_input, region_hint, base::Layer::place},
    CodeRow{"AuthorizationHeaderMalformed", ErrorKind::invalid_input, region_hint,
            base::Layer::place},
    CodeRow{"IllegalLocationConstraintException", ErrorKind::invalid_input, region_hint,
            base::Layer::place},
    CodeRow{"InvalidLocationConstraint", ErrorKind::invalid_input, region_hint, base::Layer::place},
    CodeRow{"SecondLevelDomainForbidden", ErrorKind::invalid_input,
            "check 'endpoint' of the store: the bucket's name goes before it", base::Layer::place},
    CodeRow{"BucketAccelerateNotEnabled", ErrorKind::invalid_input, accelerate_hint,
            base::Layer::place},
    CodeRow{"ActionAccelerateNotSupported", ErrorKind::invalid_input, accelerate_hint,
            base::Layer::place},
    CodeRow{"InvalidStorageClass", ErrorKind::invalid_input,
            "check 'storage_class' of the store: it has no such class"},
    CodeRow{
        "InvalidObjectState", ErrorKind::frozen,
        "it is in an archive class: holdfast restore --plan says how long a thaw takes and what "
        "it costs, restore --thaw does it"},
    CodeRow{"NotImplemented", ErrorKind::unsupported, "this store cannot do that"},
    CodeRow{"QuotaExceeded", ErrorKind::no_space, "raise the quota, or prune"},
    CodeRow{"EntityTooLarge", ErrorKind::no_space, "the store takes no object of that size"},
    CodeRow{"PreconditionFailed", ErrorKind::conflict, ""},
    CodeRow{"FileAlreadyExists", ErrorKind::conflict, ""},
    CodeRow{"ObjectAlreadyExists", ErrorKind::conflict, ""},
    CodeRow{"FileImmutable", ErrorKind::access_denied,
            "a retention policy of the bucket protects it: try again when its days are over",
            base::Layer::rights},
    CodeRow{"BadDigest", ErrorKind::unavailable, damaged_hint},
    CodeRow{"InvalidDigest", ErrorKind::unavailable, damaged_hint},
    CodeRow{"XAmzContentSHA256Mismatch", ErrorKind::unavailable, damaged_hint},
    CodeRow{"IncompleteBody", ErrorKind::unavailable, damaged_hint},
    CodeRow{"ConditionalRequestConflict", ErrorKind::unavailable, later_hint},
    CodeRow{"OperationAborted", ErrorKind::unavailable, later_hint},
    CodeRow{"RequestTimeout", ErrorKind::unavailable, later_hint},
    CodeRow{"RequestTimeOut", ErrorKind::unavailable, later_hint},
    CodeRow{"UserNetworkTooSlow", ErrorKind::unavailable,
            "the store waits some minutes for each 5 MiB: look for a better network, or raise a "
            "limit of the bandwidth"},
    CodeRow{"SlowDown", ErrorKind::unavailable, later_hint},
    CodeRow{"QpsLimitExceeded", ErrorKind::unavailable, later_hint},
    CodeRow{"UploadTrafficRateLimitExceeded", ErrorKind::unavailable, later_hint},
    CodeRow{"DownloadTrafficRateLimitExceeded", ErrorKind::unavailable, later_hint},
    CodeRow{"ServiceUnavailable", ErrorKind::unavailable, later_hint},
    CodeRow{"InternalError", ErrorKind::unavailable, later_hint},
};

/// What a status means that came without a code, as every reply to HEAD does.
const char* hint_of_status(int status) {
  switch (status) {
    case 301:
    case 307:
      return region_hint;
    case 404:
      return "check the name of the bucket, its region and the endpoint";
    case 401:
    case 403:
      return "check the credentials, and the policies of the user and of the bucket";
    default:
      return later_hint;
  }
}

/// Aliyun says it with codes that mean other things too.
bool is_in_another_region(const S3Complaint& complaint) {
  if (complaint.code == "AccessDenied") return !complaint.endpoint.empty();
  return complaint.code == "InvalidArgument" &&
         complaint.message.find("signing region") != std::string::npos;
}

}  // namespace

std::string s3_code(const net::HttpResponse& response) {
  const auto complaint = parse_complaint(response.body);
  return complaint ? complaint->code : "";
}

bool says_credentials_expired(const net::HttpResponse& response) {
  const auto code = s3_code(response);
  return code == "ExpiredToken" || code == "SecurityTokenExpired";
}

bool says_name_is_taken(const net::HttpResponse& response) {
  if (response.status == 412) return true;
  const auto code = s3_code(response);
  // What is protected is there.
  return code == "PreconditionFailed" || code == "FileAlreadyExists" ||
         code == "ObjectAlreadyExists" || code == "FileImmutable";
}

Error s3_error(const net::HttpResponse& response, const std::string& doing) {
  auto error = net::status_error(response, doing);
  const auto complaint = parse_complaint(response.body);
  if (!complaint) return error.set_hint(hint_of_status(response.status));
  const auto said = complaint->message.substr(0, message_size_max);
  const auto text = fmt::format("{}: {}{}{}", doing, base::printable(complaint->code),
                                said.empty() ? "" : ": ", base::printable(said));
  if (is_in_another_region(*complaint)) {
    Error elsewhere(ErrorKind::invalid_input, text);
    return elsewhere.set_layer(base::Layer::place)
        .set_hint(complaint->endpoint.empty()
                      ? region_hint
                      : fmt::format("the bucket lies elsewhere: set 'region' of the store, or the "
                                    "host in its url, to that of {}",
                                    base::printable(complaint->endpoint)));
  }
  for (const auto& row : code_rows) {
    if (row.code != complaint->code) continue;
    Error known(row.kind, text);
    known.set_layer(row.layer);
    if (const auto asked = error.retry_after_seconds()) known.set_retry_after(*asked);
    const auto region = complaint->region.empty()
                            ? net::find_header(response.headers, "x-amz-bucket-region")
                            : complaint->region;
    if (row.hint == region_hint && region && !region->empty()) {
      known.set_hint(fmt::format("{}: {}", region_hint, base::printable(*region)));
    }
    return *row.hint == '\0' ? known : known.set_hint(row.hint);
  }
  Error unknown(error.kind(), text);
  return unknown.set_retry(error.retry())
      .set_layer(error.layer())
      .set_hint(hint_of_status(response.status));
}

}  // namespace holdfast::storage
