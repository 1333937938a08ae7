#include "sections.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

namespace holdfast::config {

namespace {

HttpSettings read_http(Section& section) {
  auto proxy = section.text("proxy");
  if (proxy == "none") proxy = "";
  return {section.path("ca_file"), section.path("client_certificate"), section.path("client_key"),
          section.text("pinned_key"), std::move(proxy)};
}

/// By the server, as each kind of bucket calls it.
std::vector<std::string> encryptions_of(const std::string& url) {
  if (url.starts_with("oss://")) return {"AES256", "KMS", "SM4"};
  if (url.starts_with("cos://")) return {"AES256", "cos/kms"};
  return {"AES256", "aws:kms"};
}

BucketSettings read_bucket(Section& section, const std::string& url) {
  BucketSettings bucket;
  bucket.endpoint = section.text("endpoint");
  bucket.region = section.text("region");
  bucket.profile = section.text("profile");
  bucket.credentials_file = section.path("credentials_file");
  bucket.credentials_command = section.texts("credentials_command");
  bucket.addressing = section.choice("addressing", {"path", "virtual"});
  bucket.network = section.choice("network", {"public", "internal", "accelerate"});
  bucket.storage_class = section.text("storage_class");
  bucket.encryption = section.choice("encryption", encryptions_of(url));
  bucket.encryption_key = section.text("encryption_key");
  const auto exclusive = section.choice("exclusive_create", {"by-store", "by-looking"});
  bucket.creates_by_looking = exclusive == "by-looking";
  bucket.lock_seconds = section.duration("lock");
  bucket.lock_may_be_lifted =
      section.choice("lock_mode", {"compliance", "governance"}) == "governance";
  return bucket;
}

std::optional<std::int64_t> read_period(Reading& reading, Section& section, const YAML::Node& node,
                                        bool offline) {
  const auto period = section.duration("period");
  if (period && !offline) {
    reading.mistake(node["period"],
                    fmt::format("{} is for offline stores only", section.name_of("period")),
                    "write offline: true, or leave it out");
  }
  return period;
}

LoginSettings read_login(Reading& reading, Section& section, const YAML::Node& node) {
  LoginSettings login;
  login.password_file = section.path("password_file");
  login.password_command = section.texts("password_command");
  login.allows_plain_password = section.boolean("plain_password").value_or(false);
  login.begins_with_tls = section.choice("tls", {"explicit", "implicit"}) == "implicit";
  if (login.password_file && !login.password_command.empty()) {
    reading.mistake(node, fmt::format("{} is there twice", section.name_of("password")),
                    "write password_file or password_command");
  }
  return login;
}

TokenSettings read_token(Reading& reading, Section& section, const YAML::Node& node) {
  TokenSettings token{section.path("token_file"), section.texts("token_command")};
  if (token.file && !token.command.empty()) {
    reading.mistake(node, fmt::format("{} is there twice", section.name_of("token")),
                    "write token_file or token_command");
  }
  return token;
}

constexpr std::array over_tls = {"https://",  "s3://",      "oss://", "cos://",
                                 "webdav://", "webdavs://", "ftp://", "ftps://"};
constexpr std::array over_rest = {"https://"};
constexpr std::array with_login = {"webdav://", "webdavs://", "ftp://", "ftps://"};
constexpr std::array over_ftps = {"ftps://"};
constexpr std::array in_buckets = {"s3://", "oss://", "cos://"};
constexpr std::array over_s3 = {"s3://"};
constexpr std::array in_clouds = {"oss://", "cos://"};

constexpr std::int64_t lock_seconds_max = 10LL * 366 * 24 * 3600;

struct KindOfSettings {
  std::span<const char* const> schemes;
  std::vector<const char*> keys;
};

/// A setting that the store does not heed is a mistake, not a comment.
void check_settings_have_use(Reading& reading, const Store& store, const YAML::Node& node) {
  const std::array kinds = {
      KindOfSettings{over_tls,
                     {"ca_file", "client_certificate", "client_key", "pinned_key", "proxy"}},
      KindOfSettings{over_rest, {"token_file", "token_command"}},
      KindOfSettings{with_login, {"password_file", "password_command", "plain_password"}},
      KindOfSettings{over_ftps, {"tls"}},
      KindOfSettings{in_buckets,
                     {"endpoint", "region", "profile", "credentials_file", "credentials_command",
                      "storage_class", "encryption", "encryption_key", "exclusive_create", "lock",
                      "lock_mode", "prices", "currency"}},
      KindOfSettings{over_s3, {"addressing"}},
      KindOfSettings{in_clouds, {"network"}}};
  if (!node.IsMap()) return;
  if (store.bucket.lock_seconds.value_or(0) > lock_seconds_max) {
    reading.mistake(node["lock"],
                    fmt::format("stores.{}.lock is longer than ten years", store.name),
                    "nobody can take a lock away before it ends: begin with 30 days");
  }
  for (const auto& kind : kinds) {
    if (std::ranges::any_of(kind.schemes,
                            [&](const char* scheme) { return store.url.starts_with(scheme); })) {
      continue;
    }
    for (const char* key : kind.keys) {
      if (!node[key].IsDefined()) continue;
      reading.mistake(node[key],
                      fmt::format("stores.{}.{} is for {} only", store.name, key,
                                  fmt::join(kind.schemes, ", ")),
                      "leave it out, or check the url");
    }
  }
}

}  // namespace

std::optional<unsigned> read_parity(Reading& reading, Section& section) {
  const auto node = section.take("parity");
  if (!node.IsDefined()) return std::nullopt;
  const auto text = text_of(reading, node, section.name_of("parity"));
  if (!text) return std::nullopt;
  const bool digits = !text->empty() && text->size() <= 2 &&
                      std::ranges::all_of(*text, [](char c) { return c >= '0' && c <= '9'; });
  unsigned percent = 0;
  for (const char c : digits ? *text : std::string())
    percent = 10 * percent + static_cast<unsigned>(c - '0');
  if (digits && percent <= parity_percent_max) return percent;
  reading.mistake(node,
                  fmt::format("{} must be a number from 0 to {}", section.name_of("parity"),
                              parity_percent_max),
                  "write parity: 3 for three percent");
  return std::nullopt;
}

Store read_store(Reading& reading, const std::string& name, const YAML::Node& node) {
  Section section(reading, node, "stores." + name);
  Store store;
  store.name = name;
  store.place = place_of(node);
  store.url = section.text("url").value_or("");
  store.parity_percent = read_parity(reading, section);
  store.http = read_http(section);
  store.bucket = read_bucket(section, store.url);
  store.tiers = read_tiers(reading, section, store.url);
  store.login = read_login(reading, section, node);
  store.token = read_token(reading, section, node);
  if (store.url.empty()) {
    reading.mistake(node, fmt::format("stores.{} has no url", name),
                    "write url: \"file:///media/usb/holdfast\" or another place");
  }
  store.limits = read_limits(reading, section);
  store.offline = section.boolean("offline").value_or(false);
  store.period_seconds = read_period(reading, section, node, store.offline);
  store.offsite = section.boolean("offsite");
  store.medium = section.text("medium").value_or("");
  store.verify_seconds = section.duration("verify");
  store.patience_seconds = section.duration("patience");
  section.finish();
  check_settings_have_use(reading, store, node);
  return store;
}

}  // namespace holdfast::config
