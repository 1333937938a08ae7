#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/units.hpp"
#include "repository/stored_objects.hpp"
#include "storage/s3/s3_backend.hpp"
#include "store_context.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace holdfast::app {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t credentials_size_max = 256UL * 1024;

/// What the kinds of buckets differ in.
struct BucketKind {
  std::string_view scheme;
  BucketEnvironment StoreEnvironment::* environment;
  const char* usual_profile;
  const char* credentials_hint;
};

constexpr std::array bucket_kinds = {
    BucketKind{"s3", &StoreEnvironment::aws, "default",
               "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, write ~/.aws/credentials, or name "
               "credentials_file or credentials_command of the store in holdfast.yaml"},
    BucketKind{"oss", &StoreEnvironment::oss, "default",
               "set OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET, write ~/.ossutilconfig, or name "
               "credentials_file or credentials_command of the store in holdfast.yaml"},
    BucketKind{"cos", &StoreEnvironment::cos, "common",
               "set COS_SECRET_ID and COS_SECRET_KEY, write ~/.cos.conf, or name "
               "credentials_file or credentials_command of the store in holdfast.yaml"},
};

const BucketKind& kind_of(const storage::Location& location) {
  return *std::ranges::find(bucket_kinds, location.scheme, &BucketKind::scheme);
}

/// Where credentials may come from, in values of its own: it is asked again when they expired.
struct CredentialPlaces {
  const BucketKind& kind;
  std::vector<std::string> command{};
  std::string file{};     // named for this store; empty: not
  std::string profile{};  // named; empty: the usual one
  std::string usual_file{};
  std::string access_key_id{};
  base::Secret secret_access_key{};
  std::string session_token{};
  std::stop_token stopping{};

  std::string wanted_profile() const { return profile.empty() ? kind.usual_profile : profile; }
};

storage::S3Credentials parse_and_wipe(const CredentialPlaces& places, base::Bytes bytes,
                                      const std::string& origin) {
  auto credentials = storage::parse_s3_profile(places.kind.scheme, base::as_text(bytes),
                                               places.wanted_profile(), origin);
  base::wipe(bytes);
  return credentials;
}

storage::S3Credentials from_command(const CredentialPlaces& places) {
  const auto name = fmt::format("what the credentials command {} printed",
                                base::printable(places.command.front()));
  auto bytes = output_of(places.command, credentials_size_max, places.stopping);
  return parse_and_wipe(places, std::move(bytes), name);
}

storage::S3Credentials from_file(const CredentialPlaces& places, const std::string& path) {
  return parse_and_wipe(places, base::read_file(path, credentials_size_max),
                        fmt::format("the file of credentials {}", base::printable(path)));
}

storage::S3Credentials find_credentials(const CredentialPlaces& places) {
  if (!places.command.empty()) return from_command(places);
  if (!places.file.empty()) return from_file(places, places.file);
  const bool in_environment = !places.access_key_id.empty() && !places.secret_access_key.empty();
  if (in_environment && places.profile.empty()) {
    return {places.access_key_id, places.secret_access_key.clone(), places.session_token};
  }
  if (!places.usual_file.empty() && ::access(places.usual_file.c_str(), F_OK) == 0) {
    return from_file(places, places.usual_file);
  }
  throw Error(ErrorKind::access_denied, "there are no credentials for the bucket")
      .set_hint(places.kind.credentials_hint);
}

storage::S3CredentialSource credential_source(const storage::Location& location,
                                              const StoreContext& context) {
  const auto& bucket = context.settings.bucket;
  const auto& kind = kind_of(location);
  const auto& environment = context.environment.*kind.environment;
  // Shared, because a std::function must be copyable and a secret is not.
  const auto places = std::make_shared<CredentialPlaces>(CredentialPlaces{.kind = kind});
  places->command = bucket.credentials_command;
  places->file = bucket.credentials_file.value_or("");
  // A profile of the environment does not go before keys of the environment.
  places->profile = bucket.profile.value_or("");
  if (places->profile.empty() && environment.access_key_id.empty()) {
    places->profile = environment.profile;
  }
  places->usual_file = environment.credentials_file;
  places->access_key_id = environment.access_key_id;
  places->secret_access_key = environment.secret_access_key.clone();
  places->session_token = environment.session_token;
  places->stopping = context.stopping;
  return [places] { return find_credentials(*places); };
}

storage::S3Options::Network network_of(const std::string& name) {
  using Network = storage::S3Options::Network;
  if (name == "public") return Network::open;
  if (name == "internal") return Network::internal;
  return name == "accelerate" ? Network::accelerated : Network::as_located;
}

storage::S3Options s3_options(const storage::Location& location, const StoreContext& context) {
  using Options = storage::S3Options;
  const auto& bucket = context.settings.bucket;
  const auto& kind = kind_of(location);
  const auto& environment = context.environment.*kind.environment;
  Options options;
  // A location with a host of its own is not led elsewhere by the environment.
  const bool has_host =
      kind.scheme == "s3" ? location.port != 0 : location.host.find('.') != std::string::npos;
  options.endpoint = bucket.endpoint.value_or(has_host ? "" : environment.endpoint);
  options.region =
      bucket.region.value_or(has_host && kind.scheme != "s3" ? "" : environment.region);
  options.network = network_of(bucket.network.value_or(""));
  if (bucket.addressing) {
    options.addressing = *bucket.addressing == "path" ? Options::Addressing::path
                                                      : Options::Addressing::virtual_hosted;
  }
  options.storage_class = bucket.storage_class.value_or("");
  options.encryption = bucket.encryption.value_or("");
  options.encryption_key = bucket.encryption_key.value_or("");
  options.lock.period_seconds = bucket.lock_seconds.value_or(0);
  if (bucket.lock_may_be_lifted) options.lock.mode = Options::Lock::Mode::governance;
  options.is_kept = [](const std::string& name) { return repository::is_kept_object(name); };
  if (bucket.creates_by_looking) options.exclusive_create = Options::ExclusiveCreate::by_looking;
  return options;
}

/// Aliyun's and Tencent's ways to lock are not those of S3, and a lock that is none is worse.
void expect_lockable(const storage::Location& location, const StoreContext& context) {
  if (kind_of(location).scheme == "s3" || !context.settings.bucket.lock_seconds) return;
  throw base::Error(base::ErrorKind::unsupported,
                    fmt::format("{}: objects cannot be locked there yet", location.url()))
      .set_hint("take 'lock' out of the configuration of this store, or lock a copy at s3://");
}

}  // namespace

doctor::Way way_to_s3_store(const storage::Location& location, const StoreContext& context) {
  return way_to(storage::s3_origin(location, s3_options(location, context)), context);
}

std::unique_ptr<storage::Backend> open_s3_store(const storage::Location& location,
                                                const StoreContext& context) {
  expect_lockable(location, context);
  const auto http =
      make_http_client(context, (context.environment.*kind_of(location).environment).ca_file);
  return storage::open_s3(
      location, s3_options(location, context), credential_source(location, context),
      {http, context.clock, context.random, base::make_sleeper(context.stopping), context.retries},
      context.creates ? storage::S3Open::create : storage::S3Open::existing);
}

}  // namespace holdfast::app
