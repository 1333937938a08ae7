#include "base/error.hpp"
#include "base/units.hpp"
#include "dialect.hpp"
#include "storage/s3/s3_backend.hpp"

#include <fmt/format.h>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

std::string_view without_spaces(std::string_view text) {
  constexpr std::string_view spaces = " \t\r";
  const auto begin = text.find_first_not_of(spaces);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(spaces) - begin + 1);
}

void take_line(const S3Dialect& dialect, std::string_view line, S3Credentials& credentials) {
  const auto equals = line.find('=');
  if (equals == line.npos) return;
  const auto name = without_spaces(line.substr(0, equals));
  const auto value = without_spaces(line.substr(equals + 1));
  if (name == dialect.id_name) credentials.access_key_id = value;
  if (name == dialect.secret_name) {
    credentials.secret_access_key = base::Secret(base::as_bytes(value));
  }
  if (name == dialect.token_name) credentials.session_token = value;
}

}  // namespace

S3Credentials parse_s3_profile(std::string_view scheme, std::string_view text,
                               std::string_view profile, const std::string& origin) {
  const auto& dialect = dialect_of(scheme);
  S3Credentials credentials;
  bool inside = true;  // lines before any name are everybody's
  bool found = false;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = without_spaces(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[' && line.back() == ']') {
      inside = without_spaces(line.substr(1, line.size() - 2)) == profile;
    } else if (inside) {
      found = true;
      take_line(dialect, line, credentials);
    }
  }
  if (!found) {
    throw Error(ErrorKind::not_found,
                fmt::format("{} has no profile {}", origin, base::printable(profile)));
  }
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("profile {} of {} has no {} and {}", base::printable(profile), origin,
                            dialect.id_name, dialect.secret_name));
  }
  return credentials;
}

}  // namespace holdfast::storage
