#include "base/error.hpp"
#include "base/units.hpp"
#include "dialect.hpp"
#include "storage/s3/s3_backend.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <utility>
#include <vector>

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

/// Words between spaces; quotes keep spaces together, as the tools of AWS read it. No shell.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  for (const char c : text) {
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (quote == 0 && c == ' ') {
      if (!word.empty()) words.push_back(std::exchange(word, {}));
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

/// How to get keys that a profile does not have.
void take_way(std::string_view name, std::string_view value, S3Profile& profile) {
  if (name == "role_arn") profile.role_arn = value;
  if (name == "source_profile") profile.source_profile = value;
  if (name == "web_identity_token_file") profile.role_token_file = value;
  if (name == "role_session_name") profile.session_name = value;
  if (name == "external_id") profile.external_id = value;
  if (name == "credential_process") profile.process = words_of(value);
  if (name != "duration_seconds") return;
  std::from_chars(value.data(), value.data() + value.size(), profile.duration_seconds);
}

void take_line(const S3Dialect& dialect, std::string_view line, S3Profile& credentials) {
  const auto equals = line.find('=');
  if (equals == line.npos) return;
  const auto name = without_spaces(line.substr(0, equals));
  const auto value = without_spaces(line.substr(equals + 1));
  if (name == dialect.id_name) credentials.access_key_id = value;
  if (name == dialect.secret_name) {
    credentials.secret_access_key = base::Secret(base::as_bytes(value));
  }
  if (name == dialect.token_name) credentials.session_token = value;
  if (!dialect.is_cloud) take_way(name, value, credentials);
}

bool is_profile(std::string_view heading, std::string_view profile) {
  constexpr std::string_view word = "profile ";  // in ~/.aws/config
  return heading == profile ||
         (heading.starts_with(word) && without_spaces(heading.substr(word.size())) == profile);
}

}  // namespace

S3Profile parse_s3_profile(std::string_view scheme, std::string_view text, std::string_view profile,
                           const std::string& origin) {
  const auto& dialect = dialect_of(scheme);
  S3Profile credentials;
  bool inside = true;  // lines before any name are everybody's
  bool found = false;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = without_spaces(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[' && line.back() == ']') {
      inside = is_profile(without_spaces(line.substr(1, line.size() - 2)), profile);
    } else if (inside) {
      found = true;
      take_line(dialect, line, credentials);
    }
  }
  if (!found) {
    throw Error(ErrorKind::not_found,
                fmt::format("{} has no profile {}", origin, base::printable(profile)));
  }
  const bool has_way = !credentials.role_arn.empty() || !credentials.process.empty();
  const bool has_keys =
      !credentials.access_key_id.empty() && !credentials.secret_access_key.empty();
  if (!has_keys && !has_way) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("profile {} of {} has no {} and {}", base::printable(profile), origin,
                            dialect.id_name, dialect.secret_name));
  }
  return credentials;
}

}  // namespace holdfast::storage
