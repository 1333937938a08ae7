#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/units.hpp"
#include "storage/s3/s3_backend.hpp"
#include "store_context.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <optional>
#include <utility>

namespace holdfast::app {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t credentials_size_max = 256UL * 1024;

/// Where credentials may come from, in values of its own: it is asked again when they expired.
struct CredentialPlaces {
  std::vector<std::string> command;
  std::string file;     // named for this store; empty: not
  std::string profile;  // named; empty: "default"
  std::string usual_file;
  std::string access_key_id;
  base::Secret secret_access_key;
  std::string session_token;
  std::stop_token stopping;

  std::string wanted_profile() const { return profile.empty() ? "default" : profile; }
};

storage::S3Credentials parse_and_wipe(base::Bytes bytes, const std::string& profile,
                                      const std::string& origin) {
  auto credentials = storage::parse_s3_profile(base::as_text(bytes), profile, origin);
  base::wipe(bytes);
  return credentials;
}

storage::S3Credentials from_command(const CredentialPlaces& places) {
  const auto name = fmt::format("what the credentials command {} printed",
                                base::printable(places.command.front()));
  auto bytes = output_of(places.command, credentials_size_max, places.stopping);
  return parse_and_wipe(std::move(bytes), places.wanted_profile(), name);
}

storage::S3Credentials from_file(const CredentialPlaces& places, const std::string& path) {
  return parse_and_wipe(base::read_file(path, credentials_size_max), places.wanted_profile(),
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
      .set_hint(
          "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, write ~/.aws/credentials, or name "
          "credentials_file or credentials_command of the store in holdfast.yaml");
}

storage::S3CredentialSource credential_source(const StoreContext& context) {
  const auto& bucket = context.settings.bucket;
  const auto& environment = context.environment;
  // Shared, because a std::function must be copyable and a secret is not.
  const auto places = std::make_shared<CredentialPlaces>();
  places->command = bucket.credentials_command;
  places->file = bucket.credentials_file.value_or("");
  // A profile of the environment does not go before keys of the environment.
  places->profile = bucket.profile.value_or("");
  if (places->profile.empty() && environment.aws_access_key_id.empty()) {
    places->profile = environment.aws_profile;
  }
  places->usual_file = environment.aws_credentials_file;
  places->access_key_id = environment.aws_access_key_id;
  places->secret_access_key = environment.aws_secret_access_key.clone();
  places->session_token = environment.aws_session_token;
  places->stopping = context.stopping;
  return [places] { return find_credentials(*places); };
}

std::string first_said(const std::optional<std::string>& configured, const std::string& usual,
                       const char* otherwise = "") {
  if (configured) return *configured;
  return usual.empty() ? otherwise : usual;
}

storage::S3Options s3_options(const storage::Location& location, const StoreContext& context) {
  using Options = storage::S3Options;
  const auto& bucket = context.settings.bucket;
  Options options;
  // A location with a host of its own is not led elsewhere by the environment.
  options.endpoint =
      first_said(bucket.endpoint, location.port == 0 ? context.environment.aws_endpoint : "");
  options.region = first_said(bucket.region, context.environment.aws_region, "us-east-1");
  if (bucket.addressing) {
    options.addressing = *bucket.addressing == "path" ? Options::Addressing::path
                                                      : Options::Addressing::virtual_hosted;
  }
  options.storage_class = bucket.storage_class.value_or("");
  options.encryption = bucket.encryption.value_or("");
  options.encryption_key = bucket.encryption_key.value_or("");
  if (bucket.creates_by_looking) options.exclusive_create = Options::ExclusiveCreate::by_looking;
  return options;
}

}  // namespace

doctor::Way way_to_s3_store(const storage::Location& location, const StoreContext& context) {
  return way_to(storage::s3_origin(location, s3_options(location, context)), context);
}

std::unique_ptr<storage::Backend> open_s3_store(const storage::Location& location,
                                                const StoreContext& context) {
  const auto http = make_http_client(context, context.environment.aws_ca_file);
  return storage::open_s3(
      location, s3_options(location, context), credential_source(context),
      {http, context.clock, context.random, base::make_sleeper(context.stopping), context.retries},
      context.creates ? storage::S3Open::create : storage::S3Open::existing);
}

}  // namespace holdfast::app
