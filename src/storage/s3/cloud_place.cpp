// A host says bucket, network and region: blog.oss-cn-hangzhou-internal.aliyuncs.com,
// blog-1250000000.cos.ap-guangzhou.myqcloud.com. Accelerated hosts do not say the region.

#include "cloud_place.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t bucket_size_min = 3;
constexpr std::size_t bucket_size_max = 63;
constexpr std::string_view digits = "0123456789";

/// What stands before and after the region in the names of a cloud's hosts.
struct HostForm {
  std::string_view scheme;
  S3Options::Network network;
  std::string_view before;
  std::string_view after;
};

using Network = S3Options::Network;

/// The first of a network is that which Holdfast makes; internal ones first, as others match too.
constexpr std::array host_forms = {
    HostForm{"oss", Network::internal, "oss-", "-internal.aliyuncs.com"},
    HostForm{"oss", Network::open, "oss-", ".aliyuncs.com"},
    HostForm{"cos", Network::internal, "cos-internal.", ".tencentcos.cn"},
    HostForm{"cos", Network::open, "cos.", ".myqcloud.com"},
    HostForm{"cos", Network::open, "cos.", ".tencentcos.cn"},
};

struct Accelerated {
  std::string_view scheme;
  std::string_view host;
};

constexpr std::array accelerated_hosts = {
    Accelerated{"oss", "oss-accelerate.aliyuncs.com"},
    Accelerated{"oss", "oss-accelerate-overseas.aliyuncs.com"},
    Accelerated{"cos", "cos.accelerate.myqcloud.com"},
    Accelerated{"cos", "cos.accelerate.tencentcos.cn"},
    Accelerated{"cos", "cos-internal.accelerate.tencentcos.cn"},
};

const char* form_of(const S3Dialect& dialect) {
  return dialect.scheme == "oss"
             ? "write oss://bucket/prefix and 'region' of the store, or "
               "oss://bucket.oss-cn-hangzhou.aliyuncs.com/prefix"
             : "write cos://bucket-1250000000/prefix, with the number of the account, and 'region' "
               "of the store, or cos://bucket-1250000000.cos.ap-guangzhou.myqcloud.com/prefix";
}

[[noreturn]] void refuse(const std::string& what, const S3Dialect& dialect) {
  throw Error(ErrorKind::invalid_input, what).set_hint(form_of(dialect));
}

bool is_of_small_letters(std::string_view text) {
  return !text.empty() && text.front() != '-' && text.back() != '-' &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

void check_bucket(const std::string& bucket, const S3Dialect& dialect) {
  const auto dash = bucket.rfind('-');
  // The number of the account is the last part of a name at Tencent.
  const bool has_account =
      dash != bucket.npos && bucket.find_first_not_of(digits, dash + 1) == bucket.npos;
  if (bucket.size() >= bucket_size_min && bucket.size() <= bucket_size_max &&
      is_of_small_letters(bucket) && (dialect.scheme != "cos" || has_account)) {
    return;
  }
  refuse(fmt::format("'{}' is not the name of a bucket at {}", base::printable(bucket),
                     dialect.provider),
         dialect);
}

/// Aliyun's signature holds the region, Tencent's does not.
void check_region(const S3Place& place, bool is_in_host) {
  const auto& region = place.region;
  if (region.empty() && place.dialect.scheme != "oss" && !is_in_host) return;
  if (is_of_small_letters(region)) return;
  refuse(region.empty() ? fmt::format("the region of the bucket {} is not said", place.bucket)
                        : fmt::format("'{}' is not a region", base::printable(region)),
         place.dialect);
}

/// The region that a host names, empty for an accelerated one; nothing for a host of others.
std::optional<std::string> region_of(const std::string& host, const S3Dialect& dialect) {
  for (const auto& accelerated : accelerated_hosts) {
    if (accelerated.scheme == dialect.scheme && accelerated.host == host) return "";
  }
  for (const auto& form : host_forms) {
    if (form.scheme != dialect.scheme || !host.starts_with(form.before) ||
        !host.ends_with(form.after) || host.size() <= form.before.size() + form.after.size()) {
      continue;
    }
    auto region =
        host.substr(form.before.size(), host.size() - form.before.size() - form.after.size());
    if (is_of_small_letters(region)) return region;
  }
  return std::nullopt;
}

std::string host_in(Network network, const std::string& region, const S3Dialect& dialect) {
  if (network == Network::accelerated) {
    const auto* const found =
        std::ranges::find(accelerated_hosts, dialect.scheme, &Accelerated::scheme);
    return std::string(found->host);
  }
  const auto wanted = network == Network::internal ? Network::internal : Network::open;
  const auto* const form = std::ranges::find_if(host_forms, [&](const HostForm& known) {
    return known.scheme == dialect.scheme && known.network == wanted;
  });
  return fmt::format("{}{}{}", form->before, region, form->after);
}

}  // namespace

S3Place resolve_cloud_place(const Location& location, const S3Options& options,
                            const S3Dialect& dialect) {
  const auto dot = location.host.find('.');
  S3Place place{.dialect = dialect};
  place.is_virtual_hosted = true;
  place.bucket = location.host.substr(0, dot);
  check_bucket(place.bucket, dialect);
  place.region = options.region;
  std::string host;
  if (dot != location.host.npos) {
    host = location.host.substr(dot + 1);
    const auto region = region_of(host, dialect);
    if (!region) {
      refuse(fmt::format("{} has no host of a bucket at {}", location.url(), dialect.provider),
             dialect);
    }
    if (!region->empty() && !place.region.empty() && place.region != *region) {
      refuse(fmt::format("{} names another region than 'region' of the store, {}", location.url(),
                         base::printable(place.region)),
             dialect);
    }
    if (!region->empty()) place.region = *region;
  }
  const bool is_given = !options.endpoint.empty();
  const bool is_made = !is_given && (host.empty() || options.network != Network::as_located);
  check_region(place, is_made && options.network != Network::accelerated);
  if (is_made) host = host_in(options.network, place.region, dialect);
  place.origin = net::parse_origin(is_given ? options.endpoint : "https://" + host);
  return place;
}

}  // namespace holdfast::storage
