#include "net/http.hpp"

#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace holdfast::net {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;
constexpr std::size_t http_date_size = 29;

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view without_spaces(std::string_view text) {
  constexpr std::string_view spaces = " \t\r\n";
  const auto begin = text.find_first_not_of(spaces);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(spaces) - begin + 1);
}

bool is_unreserved(char c) {
  constexpr std::string_view others = "-._~";
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || others.find(c) != others.npos;
}

ErrorKind kind_of_status(int status) {
  switch (status) {
    case 401:
    case 403:
    case 407:
      return ErrorKind::access_denied;
    case 404:
    case 410:
      return ErrorKind::not_found;
    case 409:
    case 412:
      return ErrorKind::conflict;
    case 507:
      return ErrorKind::no_space;
    case 501:
    case 505:
      return ErrorKind::unsupported;
    case 408:
    case 425:
    case 429:
      return ErrorKind::unavailable;
    default:
      return status >= 500 ? ErrorKind::unavailable : ErrorKind::unsupported;
  }
}

[[noreturn]] void refuse_origin(std::string_view text) {
  throw Error(ErrorKind::invalid_input,
              fmt::format("'{}' is not the address of a server", base::printable(text)))
      .set_hint("write https://host or https://host:port");
}

/// Takes the host off `rest`.
std::string take_host(std::string_view text, std::string_view& rest) {
  std::string_view host;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == rest.npos) refuse_origin(text);
    host = rest.substr(1, end - 1);
    if (host.find_first_not_of("0123456789abcdefABCDEF:.") != host.npos) refuse_origin(text);
    rest.remove_prefix(end + 1);
  } else {
    host = rest.substr(0, rest.find(':'));
    if (!std::ranges::all_of(host, is_unreserved)) refuse_origin(text);
    rest.remove_prefix(host.size());
  }
  if (host.empty()) refuse_origin(text);
  return std::string(host);
}

}  // namespace

std::optional<std::string> find_header(const Headers& headers, std::string_view name) {
  for (const auto& header : headers) {
    if (equal_without_case(header.name, name)) return header.value;
  }
  return std::nullopt;
}

std::optional<Header> parse_header(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == line.npos) return std::nullopt;
  return Header{std::string(without_spaces(line.substr(0, colon))),
                std::string(without_spaces(line.substr(colon + 1)))};
}

Error status_error(const HttpResponse& response, const std::string& doing) {
  Error error(kind_of_status(response.status),
              fmt::format("{}: the server answered with status {}", doing, response.status));
  // Too many requests, or a time-out on the way: the same request may pass later.
  if (response.retry_after_seconds && error.retry() == base::Retry::later) {
    error.set_retry_after(*response.retry_after_seconds);
  }
  if (response.status == 401) error.set_layer(base::Layer::login);
  if (response.status == 403) error.set_layer(base::Layer::rights);
  if (response.status == 404 || response.status == 405) error.set_layer(base::Layer::place);
  if (response.status == 407) error.set_hint("check the user and password of the proxy");
  return error;
}

std::optional<base::WallTime> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != http_date_size || !text.ends_with(" GMT")) return std::nullopt;
  const auto month = std::ranges::find(months, text.substr(8, 3));
  if (month == months.end()) return std::nullopt;
  try {
    return base::parse_time(fmt::format("{}-{:02}-{}T{}Z", text.substr(12, 4),
                                        month - months.begin() + 1, text.substr(5, 2),
                                        text.substr(17, 8)));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input) throw;
    return std::nullopt;
  }
}

std::optional<base::WallTime> time_of_server(const HttpResponse& response) {
  const auto date = find_header(response.headers, "date");
  return date ? parse_http_date(*date) : std::nullopt;
}

std::string Origin::authority() const {
  const bool is_ipv6 = host.find(':') != host.npos;
  const bool is_usual = port == (is_tls ? https_port : http_port);
  return fmt::format("{}{}", is_ipv6 ? "[" + host + "]" : host,
                     is_usual ? "" : ":" + std::to_string(port));
}

std::string Origin::url() const {
  return fmt::format("{}://{}", is_tls ? "https" : "http", authority());
}

Origin parse_origin(std::string_view text) {
  Origin origin;
  auto rest = text;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    origin.is_tls = false;
    rest.remove_prefix(7);
  } else {
    refuse_origin(text);
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  origin.host = take_host(text, rest);
  origin.port = origin.is_tls ? https_port : http_port;
  if (rest.empty()) return origin;
  rest.remove_prefix(1);
  const auto* const end = rest.data() + rest.size();
  const auto [last, code] = std::from_chars(rest.data(), end, origin.port);
  if (code != std::errc{} || last != end || origin.port == 0) refuse_origin(text);
  return origin;
}

std::string percent_encode(std::string_view text, std::string_view kept) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c) || kept.find(c) != kept.npos) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

std::optional<std::string> percent_decode(std::string_view encoded) {
  std::string text;
  text.reserve(encoded.size());
  for (std::size_t at = 0; at < encoded.size(); ++at) {
    if (encoded[at] != '%') {
      text += encoded[at];
      continue;
    }
    const auto digits = encoded.substr(at + 1, 2);
    unsigned value = 0;
    const auto [last, code] = std::from_chars(digits.begin(), digits.end(), value, 16);
    if (digits.size() != 2 || code != std::errc{} || last != digits.end()) return std::nullopt;
    text += static_cast<char>(value);
    at += 2;
  }
  return text;
}

std::string url_for_messages(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const auto begin = url.find("://");
  if (begin == url.npos) return base::printable(url);
  const auto authority = url.substr(begin + 3, url.find('/', begin + 3) - (begin + 3));
  const auto at = authority.rfind('@');
  std::string shown(url.substr(0, begin + 3));
  shown += url.substr(begin + 3 + (at == authority.npos ? 0 : at + 1));
  return base::printable(shown);
}

}  // namespace holdfast::net
