#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/retry.hpp"
#include "base/secret.hpp"
#include "net/http.hpp"
#include "storage/backend.hpp"
#include "storage/location.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::storage {

struct S3Credentials {
  std::string access_key_id{};
  base::Secret secret_access_key{};
  std::string session_token{};  // of temporary ones (STS)
  std::optional<base::WallTime> expires{};
};
/// Asked when the first request is made, again some minutes before they expire, and when the store
/// says that they did.
using S3CredentialSource = std::function<S3Credentials()>;

/// Keys, or how to get some; empty: not said.
struct S3Profile : S3Credentials {
  std::string role_arn{};  // taken with the keys of source_profile, or with the token
  std::string source_profile{};
  std::string role_token_file{};  // web_identity_token_file
  std::string session_name{};
  std::string external_id{};
  std::int64_t duration_seconds = 0;
  std::vector<std::string> process{};  // a program and its arguments
};

/// One profile of a file as the tools of a location's `scheme` keep it: `[name]`, then for "s3"
/// `aws_access_key_id = ...`, for "oss" `accessKeyID = ...`, for "cos" `secret_id = ...`. Without
/// any `[name]` the lines are those of every profile. `origin` names the text in messages.
/// For "s3" a profile may have no keys and say how to get some: `[profile name]`, `role_arn = ...`.
/// Errors: not_found without the profile, invalid_input without both keys or such a way in it.
S3Profile parse_s3_profile(std::string_view scheme, std::string_view text, std::string_view profile,
                           const std::string& origin);
/// What a `credential_process` prints: a flat object of JSON. Errors: invalid_input.
S3Credentials parse_process_credentials(std::string_view text, const std::string& origin);

struct S3Options {
  std::string endpoint{};  // "https://host:port"; empty: the location's, else that of AWS
  std::string region{};    // empty: the location's; at AWS else us-east-1
  /// Where the bucket's name stands in URLs: "https://host/bucket/..." or "https://bucket.host/...".
  enum class Addressing : std::uint8_t { automatic, path, virtual_hosted };
  Addressing addressing = Addressing::automatic;  // virtual_hosted at AWS, else path
  /// By which of its names a cloud is reached: `open` from anywhere, `internal` from machines of
  /// the cloud in the same region. Not for s3.
  enum class Network : std::uint8_t { as_located, open, internal, accelerated };
  Network network = Network::as_located;  // open, unless the location names another one
  std::string storage_class{};            // of content; empty: the bucket's own
  std::string encryption{};               // by the server: "AES256", "aws:kms", ...
  std::string encryption_key{};           // of KMS
  /// Stores that cannot create an object only if its name is free are refused, unless it is
  /// accepted that this is looked for just before and after instead: right as long as no two
  /// machines write at the same moment.
  enum class ExclusiveCreate : std::uint8_t { by_store, by_looking };
  ExclusiveCreate exclusive_create = ExclusiveCreate::by_store;
  /// Objects that are kept for long are locked for `period_seconds` and a quarter when they are
  /// made, so that nobody can destroy them before; 0: none is. Stores that do not enforce that are
  /// refused at the first write. At oss a policy of the bucket does it, for its own days.
  struct Lock {
    /// `governance`: who has the right to can take a lock away.
    enum class Mode : std::uint8_t { compliance, governance };
    std::int64_t period_seconds = 0;
    Mode mode = Mode::compliance;
  };
  Lock lock{};
  /// Whether an object of that name is kept for long; nothing: all are.
  std::function<bool(const std::string& name)> is_kept{};
};

/// What a store needs of the program. Borrowed, but for the client, which stores may share.
struct S3Context {
  std::shared_ptr<net::HttpClient> http;
  const base::Clock& clock;
  base::Random& random;
  base::Sleeper sleeper;
  base::RetryPolicy retries{};
};

/// Where requests for the bucket go. Errors: invalid_input, as open_s3.
net::Origin s3_origin(const Location& location, const S3Options& options);

enum class S3Open : std::uint8_t { existing, create };

/// Objects below a prefix of a bucket, at AWS or anything that speaks its protocol, or at a cloud
/// that speaks a dialect of it.
///
/// Location: s3://bucket/prefix, or s3://host:port/bucket/prefix for a server of one's own;
///           oss://bucket/prefix and cos://bucket-appid/prefix with a region, or with the bucket's
///           host, oss://bucket.oss-cn-hangzhou.aliyuncs.com/prefix.
/// Durable:  when the store says so. Visible whole or not at all: by one PUT up to 5 MiB, beyond
///           that by a multipart upload whose parts are sent side by side and again one by one.
/// Errors:   what may pass later is done again here, so that nothing larger than one part is sent
///           twice; whether an upload with a lost reply succeeded is decided by a random mark that
///           it carries. Stores that lack what is needed throw unsupported at the first write.
/// Versions: where the bucket keeps them, what is removed is destroyed, unless it is locked.
/// With `create` the bucket is made if missing, with object lock if objects are to be locked.
std::unique_ptr<Backend> open_s3(const Location& location, S3Options options,
                                 S3CredentialSource credentials, S3Context context, S3Open mode);

}  // namespace holdfast::storage
