#include "base/units.hpp"
#include "cloud_place.hpp"
#include "s3_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t bucket_size_min = 3;
constexpr std::size_t bucket_size_max = 63;
constexpr std::size_t prefix_size_max = 500;

bool consists_of(std::string_view text, std::string_view others) {
  return std::ranges::all_of(text, [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || others.find(c) != others.npos;
  });
}

[[noreturn]] void refuse_bucket(const std::string& bucket, const char* hint) {
  throw Error(ErrorKind::invalid_input,
              fmt::format("'{}' is not the name of a bucket", base::printable(bucket)))
      .set_hint(hint);
}

void check_bucket(const std::string& bucket) {
  const bool is_sized = bucket.size() >= bucket_size_min && bucket.size() <= bucket_size_max;
  if (is_sized && consists_of(bucket, "-._")) return;
  refuse_bucket(bucket, "write s3://bucket/prefix, or s3://host:port/bucket/prefix");
}

void check_key_prefix(const std::string& prefix) {
  const bool has_empty_part = prefix.starts_with('/') || prefix.find("//") != prefix.npos;
  if (prefix.size() <= prefix_size_max && !has_empty_part && consists_of(prefix, "-._/=+@,~")) {
    return;
  }
  throw Error(ErrorKind::invalid_input,
              fmt::format("'{}' cannot begin the keys of objects", base::printable(prefix)))
      .set_hint("use letters, digits and -._/=+@,~ in the path after the bucket");
}

net::Origin origin_of(const Location& location, const S3Options& options,
                      const std::string& region) {
  if (!options.endpoint.empty()) return net::parse_origin(options.endpoint);
  if (location.port != 0) return {true, location.host, location.port};
  const bool is_china = region.starts_with("cn-");
  return net::parse_origin(
      fmt::format("https://s3.{}.amazonaws.com{}", region, is_china ? ".cn" : ""));
}

void check_region(const std::string& region) {
  if (consists_of(region, "-_")) return;
  throw Error(ErrorKind::invalid_input,
              fmt::format("'{}' is not a region", base::printable(region)));
}

/// The path of a location as a prefix of keys.
std::string key_prefix_of(std::string path) {
  if (path.starts_with('/')) path.erase(0, 1);
  if (!path.empty() && path.back() != '/') path += '/';
  check_key_prefix(path);
  return path;
}

S3Place resolve_s3(const Location& location, const S3Options& options) {
  S3Place place;
  place.region = options.region.empty() ? "us-east-1" : options.region;
  check_region(place.region);
  place.origin = origin_of(location, options, place.region);
  std::string path = location.path;
  if (location.port == 0) {
    place.bucket = location.host;
  } else {
    if (path.starts_with('/')) path.erase(0, 1);
    const auto slash = path.find('/');
    place.bucket = path.substr(0, slash);
    path = slash == path.npos ? "" : path.substr(slash + 1);
  }
  check_bucket(place.bucket);
  place.prefix = key_prefix_of(std::move(path));
  const auto& host = place.origin.host;
  place.is_aws = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
  // A certificate for *.host covers no name with more dots.
  const bool by_default = place.is_aws && place.bucket.find('.') == std::string::npos;
  place.is_virtual_hosted = options.addressing == S3Options::Addressing::virtual_hosted ||
                            (options.addressing == S3Options::Addressing::automatic && by_default);
  return place;
}

}  // namespace

S3Place resolve_s3_place(const Location& location, const S3Options& options) {
  const auto& dialect = dialect_of(location.scheme);
  if (!dialect.is_cloud) return resolve_s3(location, options);
  auto place = resolve_cloud_place(location, options, dialect);
  place.prefix = key_prefix_of(location.path);
  return place;
}

}  // namespace holdfast::storage
