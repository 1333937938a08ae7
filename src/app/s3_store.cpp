#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/units.hpp"
#include "repository/stored_objects.hpp"
#include "s3_credentials.hpp"
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

storage::S3Options::Network network_of(const std::string& name) {
  using Network = storage::S3Options::Network;
  if (name == "public") return Network::open;
  if (name == "internal") return Network::internal;
  return name == "accelerate" ? Network::accelerated : Network::as_located;
}

storage::S3Options s3_options(const storage::Location& location, const StoreContext& context) {
  using Options = storage::S3Options;
  const auto& bucket = context.settings.bucket;
  const auto& kind = kind_of_bucket(location);
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

/// A lock that is none is worse.
void expect_lockable(const storage::Location& location, const StoreContext& context) {
  const auto& bucket = context.settings.bucket;
  if (!bucket.lock_seconds) return;
  const auto scheme = kind_of_bucket(location).scheme;
  if (scheme == "cos") {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: Tencent locks objects for chosen customers only, and documents "
                            "too little of it to rely on",
                            location.url()))
        .set_hint("take 'lock' out of the configuration of this store, or lock a copy at s3://");
  }
  if (scheme == "oss" && bucket.lock_may_be_lifted) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: nobody can lift a lock there", location.url()))
        .set_hint("take 'lock_mode: governance' out of the configuration of this store");
  }
}

/// An S3 server of one's own gives roles where it gives objects.
RoleService role_service(const storage::Location& location, const StoreContext& context,
                         const storage::S3Options& options) {
  const auto& named = context.environment.aws.role_endpoint;
  const auto region = options.region.empty() ? "us-east-1" : options.region;
  const auto origin = storage::s3_origin(location, options);
  if (!named.empty()) return {named, region};
  if (origin.host.find(".amazonaws.com") == std::string::npos) return {origin.url(), region};
  return {fmt::format("https://sts.{}.amazonaws.com{}", region,
                      origin.host.ends_with(".cn") ? ".cn" : ""),
          region};
}

}  // namespace

doctor::Way way_to_s3_store(const storage::Location& location, const StoreContext& context) {
  return way_to(storage::s3_origin(location, s3_options(location, context)), context);
}

std::unique_ptr<storage::Backend> open_s3_store(const storage::Location& location,
                                                const StoreContext& context) {
  expect_lockable(location, context);
  const auto http = make_http_client(
      context, (context.environment.*kind_of_bucket(location).environment).ca_file);
  const auto options = s3_options(location, context);
  return storage::open_s3(
      location, options,
      credential_source(location, context, http, role_service(location, context, options)),
      {http, context.clock, context.random, base::make_sleeper(context.stopping), context.retries},
      context.creates ? storage::S3Open::create : storage::S3Open::existing);
}

}  // namespace holdfast::app
