#include "storage/location.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

[[noreturn]] void refuse(const std::string& text, const char* why, const char* hint) {
  throw Error(ErrorKind::invalid_input, fmt::format("'{}' {}", base::printable(text), why))
      .set_hint(hint);
}

/// What names of users and hosts are made of. None begins with a dash: a program that gets it would
/// take it for an option.
bool is_plain(std::string_view name) {
  constexpr std::string_view others = "._-";
  return !name.empty() && name.front() != '-' && std::ranges::all_of(name, [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || others.find(c) != others.npos;
  });
}

std::uint16_t parse_port(const std::string& text, std::string_view digits) {
  std::uint16_t port = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [last, code] = std::from_chars(digits.data(), end, port);
  if (code != std::errc{} || last != end || port == 0) {
    refuse(text, "has no port between 1 and 65535", "leave it out for the usual one");
  }
  return port;
}

/// What a kind of store wants of its URLs.
struct Form {
  const char* hint;
  bool has_user = false;
  bool needs_path = false;
};

constexpr Form sftp_form{"write sftp://user@host:port/path; user and port may be left out", true,
                         true};
constexpr Form s3_form{"write s3://bucket/prefix, or s3://host:port/bucket/prefix"};
constexpr Form oss_form{
    "write oss://bucket/prefix, or oss://bucket.oss-cn-hangzhou.aliyuncs.com/prefix"};
constexpr Form cos_form{
    "write cos://bucket-1250000000/prefix, or "
    "cos://bucket-1250000000.cos.ap-guangzhou.myqcloud.com/prefix"};

constexpr Form webdav_form{
    "write webdavs://user@host:port/path; user, port and path may be left out", true};
constexpr Form rest_form{"write https://host:port/repository; the port may be left out", false,
                         true};

constexpr Form ftps_form{"write ftps://user@host:port/path; port and path may be left out", true};

std::string normal_path(std::string_view text) {
  auto path = std::filesystem::path(text).lexically_normal().string();
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  return path;
}

/// Takes "user@" off `authority`.
std::string take_user(const std::string& text, const Form& form, std::string_view& authority) {
  const auto at = authority.find('@');
  if (at == authority.npos) return {};
  const auto user = authority.substr(0, at);
  if (user.find(':') != user.npos) {
    throw Error(ErrorKind::invalid_input, "a password does not belong into a location")
        .set_hint("use a key; locations are shown in messages and logs");
  }
  if (!form.has_user || !is_plain(user)) {
    refuse(text, form.has_user ? "has no name of a user before the @" : "has an @", form.hint);
  }
  authority.remove_prefix(at + 1);
  return std::string(user);
}

/// Takes the host off `authority`; an IPv6 address stands in brackets.
std::string take_host(const std::string& text, const Form& form, std::string_view& authority) {
  if (!authority.starts_with('[')) {
    std::string host(authority.substr(0, authority.find(':')));
    if (!is_plain(host)) refuse(text, "has no name of a host", form.hint);
    authority.remove_prefix(host.size());
    return host;
  }
  const auto end = authority.find(']');
  const auto address = authority.substr(1, end == authority.npos ? end : end - 1);
  if (end == authority.npos ||
      address.find_first_not_of("0123456789abcdefABCDEF:.") != address.npos) {
    refuse(text, "has no IPv6 address between its brackets", form.hint);
  }
  authority.remove_prefix(end + 1);
  return std::string(address);
}

/// user@host:port/path
Location parse_remote(const std::string& text, std::string scheme, std::string_view rest,
                      const Form& form) {
  Location location{std::move(scheme), {}};
  const auto slash = rest.find('/');
  const bool has_path = slash != rest.npos && slash + 1 < rest.size();
  if (form.needs_path && !has_path) refuse(text, "names no path", form.hint);
  if (has_path) location.path = normal_path(rest.substr(slash));
  auto authority = rest.substr(0, slash);
  location.user = take_user(text, form, authority);
  location.host = take_host(text, form, authority);
  if (authority.starts_with(':')) {
    location.port = parse_port(text, authority.substr(1));
  } else if (!authority.empty()) {
    refuse(text, "has something after the host that is no port", form.hint);
  }
  return location;
}

}  // namespace

std::string Location::url() const {
  const bool is_ipv6 = host.find(':') != host.npos;
  return fmt::format("{}://{}{}{}{}", scheme, user.empty() ? "" : user + "@",
                     is_ipv6 ? "[" + host + "]" : host, port == 0 ? "" : ":" + std::to_string(port),
                     path);
}

Location parse_location(const std::string& text) {
  if (text.empty()) throw Error(ErrorKind::invalid_input, "the location of a repository is empty");
  std::string scheme = "file";
  std::string path = text;
  if (const auto separator = text.find("://"); separator != std::string::npos) {
    scheme = text.substr(0, separator);
    path = text.substr(separator + 3);
  }
  if (scheme == "memory") return {scheme, path};
  if (scheme == "sftp") return parse_remote(text, scheme, path, sftp_form);
  if (scheme == "s3") {
    auto location = parse_remote(text, scheme, path, s3_form);
    if (location.port != 0 && location.path.empty()) refuse(text, "names no bucket", s3_form.hint);
    return location;
  }
  if (scheme == "oss" || scheme == "cos") {
    const auto& form = scheme == "oss" ? oss_form : cos_form;
    auto location = parse_remote(text, scheme, path, form);
    if (location.port != 0) refuse(text, "has a port: write it into 'endpoint'", form.hint);
    return location;
  }
  if (scheme == "webdav" || scheme == "webdavs") {
    return parse_remote(text, scheme, path, webdav_form);
  }
  if (scheme == "https") return parse_remote(text, scheme, path, rest_form);
  if (scheme == "ftps" || scheme == "ftp") return parse_remote(text, scheme, path, ftps_form);
  if (scheme != "file") {
    throw Error(ErrorKind::unsupported,
                fmt::format("'{}' names a kind of store that is not known", base::printable(text)))
        .set_hint(
            "use a path, sftp://user@host/path, s3://, oss:// or cos://bucket/prefix, "
            "webdavs://user@host/path, https://host/repository or ftps://user@host/path");
  }
  if (path.empty() || (path != text && path.front() != '/')) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("'{}' has no absolute path after file://", base::printable(text)))
        .set_hint("write file:///path with three slashes, or the path alone");
  }
  auto absolute = std::filesystem::absolute(path).lexically_normal().string();
  while (absolute.size() > 1 && absolute.back() == '/')
    absolute.pop_back();
  return {scheme, absolute};
}

}  // namespace holdfast::storage
