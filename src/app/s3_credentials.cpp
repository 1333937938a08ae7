#include "s3_credentials.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/units.hpp"
#include "storage/s3/sts.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace holdfast::app {

using base::Error;
using base::ErrorKind;
using storage::S3Credentials;
using storage::S3Profile;

namespace {

constexpr std::size_t credentials_size_max = 256UL * 1024;
constexpr std::size_t token_size_max = 64UL * 1024;
/// Profiles that take their role with the credentials of another one.
constexpr int profiles_in_a_row_max = 5;

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

/// Where credentials may come from, in values of its own: it is asked again when they expired.
struct CredentialPlaces {
  const BucketKind& kind;
  std::vector<std::string> command{};
  std::vector<std::string> files{};  // the first that has the profile counts
  std::string named_file{};          // for this store; empty: none
  std::string profile{};             // named; empty: the usual one
  std::string access_key_id{};
  base::Secret secret_access_key{};
  std::string session_token{};
  std::string role_arn{};         // of the environment, for who has only the token
  std::string role_token_file{};  // likewise
  RoleService service{};
  std::shared_ptr<net::HttpClient> http{};
  const base::Clock& clock;
  std::stop_token stopping{};
};

/// Looks in all places in their order.
class Search {
public:
  explicit Search(const CredentialPlaces& places) : places_(places) {}

  S3Credentials run() const {
    if (!places_.command.empty()) return from_command();
    if (!places_.named_file.empty()) return of_profile(wanted_profile(), 0);
    const bool has_keys = !places_.access_key_id.empty() && !places_.secret_access_key.empty();
    if (has_keys && places_.profile.empty()) return own_keys();
    if (!places_.role_arn.empty() && !places_.role_token_file.empty() && places_.profile.empty()) {
      S3Profile profile;
      profile.role_arn = places_.role_arn;
      profile.role_token_file = places_.role_token_file;
      return of_role(profile, 0);
    }
    if (std::ranges::any_of(places_.files, is_there)) return of_profile(wanted_profile(), 0);
    throw Error(ErrorKind::access_denied, "there are no credentials for the bucket")
        .set_hint(places_.kind.credentials_hint);
  }

private:
  static bool is_there(const std::string& path) {
    return !path.empty() && ::access(path.c_str(), F_OK) == 0;
  }
  std::string wanted_profile() const {
    return places_.profile.empty() ? places_.kind.usual_profile : places_.profile;
  }
  S3Credentials own_keys() const {
    return {places_.access_key_id, places_.secret_access_key.clone(), places_.session_token, {}};
  }

  S3Profile parse_and_wipe(base::Bytes bytes, const std::string& profile,
                           const std::string& origin) const {
    auto parsed =
        storage::parse_s3_profile(places_.kind.scheme, base::as_text(bytes), profile, origin);
    base::wipe(bytes);
    return parsed;
  }

  S3Credentials from_command() const {
    const auto name = fmt::format("what the credentials command {} printed",
                                  base::printable(places_.command.front()));
    auto bytes = output_of(places_.command, credentials_size_max, places_.stopping);
    return settle(parse_and_wipe(std::move(bytes), wanted_profile(), name), 0);
  }

  /// Of the first file that has it.
  S3Credentials of_profile(const std::string& profile, int depth) const {
    if (depth == profiles_in_a_row_max) {
      throw Error(ErrorKind::invalid_input,
                  fmt::format("profile {} needs itself", base::printable(profile)))
          .set_hint("check source_profile of the profiles: one of them must have keys");
    }
    const auto files = places_.named_file.empty() ? places_.files : std::vector{places_.named_file};
    std::optional<Error> missing;
    for (const auto& path : files) {
      if (places_.named_file.empty() && !is_there(path)) continue;
      std::optional<S3Profile> found;
      try {
        found = parse_and_wipe(base::read_file(path, credentials_size_max), profile,
                               fmt::format("the file of credentials {}", base::printable(path)));
      } catch (const Error& error) {
        const bool elsewhere =
            error.kind() == ErrorKind::not_found || error.kind() == ErrorKind::invalid_input;
        if (!elsewhere) throw;
        if (!missing) missing = error;
      }
      if (found) return settle(std::move(*found), depth);
    }
    if (missing) throw *missing;
    throw Error(ErrorKind::not_found,
                fmt::format("there is no file with the profile {}", base::printable(profile)))
        .set_hint("write it into ~/.aws/credentials or ~/.aws/config");
  }

  /// What the profile means: its keys, what its command prints, or the role that it names.
  S3Credentials settle(S3Profile profile, int depth) const {
    if (!profile.role_arn.empty()) return of_role(profile, depth);
    if (profile.access_key_id.empty()) return from_process(profile);
    return S3Credentials(std::move(profile));
  }

  S3Credentials from_process(const S3Profile& profile) const {
    auto bytes = output_of(profile.process, credentials_size_max, places_.stopping);
    auto credentials = storage::parse_process_credentials(
        base::as_text(bytes), fmt::format("what the credential_process {} printed",
                                          base::printable(profile.process.front())));
    base::wipe(bytes);
    return credentials;
  }

  S3Credentials of_role(const S3Profile& profile, int depth) const {
    storage::AssumedRole role{places_.service.endpoint, places_.service.region, profile.role_arn};
    if (!profile.session_name.empty()) role.session_name = profile.session_name;
    role.external_id = profile.external_id;
    if (profile.duration_seconds > 0) role.duration_seconds = profile.duration_seconds;
    if (!profile.role_token_file.empty()) {
      auto token = base::read_file(profile.role_token_file, token_size_max);
      const auto text = base::as_text(token);
      auto credentials = storage::assume_role_with_token(
          *places_.http, role, base::as_bytes(text.substr(0, text.find_first_of("\r\n"))));
      base::wipe(token);
      return credentials;
    }
    return storage::assume_role(*places_.http, places_.clock, role, source_of(profile, depth));
  }

  S3Credentials source_of(const S3Profile& profile, int depth) const {
    if (!profile.source_profile.empty()) return of_profile(profile.source_profile, depth + 1);
    if (!profile.access_key_id.empty()) {
      return {profile.access_key_id, profile.secret_access_key.clone(), profile.session_token, {}};
    }
    if (!places_.access_key_id.empty()) return own_keys();
    throw Error(ErrorKind::access_denied,
                fmt::format("nothing says with which credentials the role {} is taken",
                            base::printable(profile.role_arn)))
        .set_hint(
            "add source_profile to the profile, or set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY");
  }

  const CredentialPlaces& places_;
};

}  // namespace

const BucketKind& kind_of_bucket(const storage::Location& location) {
  return *std::ranges::find(bucket_kinds, location.scheme, &BucketKind::scheme);
}

storage::S3CredentialSource credential_source(const storage::Location& location,
                                              const StoreContext& context,
                                              std::shared_ptr<net::HttpClient> http,
                                              RoleService service) {
  const auto& bucket = context.settings.bucket;
  const auto& kind = kind_of_bucket(location);
  const auto& environment = context.environment.*kind.environment;
  // Shared, because a std::function must be copyable and a secret is not.
  const auto places =
      std::make_shared<CredentialPlaces>(CredentialPlaces{.kind = kind, .clock = context.clock});
  places->command = bucket.credentials_command;
  places->named_file = bucket.credentials_file.value_or("");
  places->files = {environment.credentials_file, environment.config_file};
  // A profile of the environment does not go before keys of the environment.
  places->profile = bucket.profile.value_or("");
  if (places->profile.empty() && environment.access_key_id.empty()) {
    places->profile = environment.profile;
  }
  places->access_key_id = environment.access_key_id;
  places->secret_access_key = environment.secret_access_key.clone();
  places->session_token = environment.session_token;
  places->role_arn = environment.role_arn;
  places->role_token_file = environment.role_token_file;
  places->service = std::move(service);
  places->http = std::move(http);
  places->stopping = context.stopping;
  return [places] { return Search(*places).run(); };
}

}  // namespace holdfast::app
