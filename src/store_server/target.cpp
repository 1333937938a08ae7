#include "target.hpp"

#include "base/error.hpp"
#include "net/http.hpp"
#include "storage/backend.hpp"
#include "storage/rest/rest_protocol.hpp"
#include "store_server/tokens.hpp"

#include <utility>

namespace holdfast::store_server {

using What = Target::What;

namespace {

constexpr std::size_t upload_id_size = 32;
constexpr std::string_view objects = "objects";
constexpr std::string_view uploads = "uploads/";

template <class Check>
bool passes(Check check, const std::string& name) {
  try {
    check(name);
    return true;
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::invalid_input) throw;
    return false;
  }
}

bool is_name(const std::string& name) { return passes(storage::check_name, name); }

/// "objects/packs/ab/1", "uploads/ID", ... after the repository.
bool take_path(std::string_view path, Target& target) {
  if (path.empty()) return true;
  if (path == "leftovers" || path == objects) {
    target.what = path == objects ? What::objects : What::leftovers;
    return true;
  }
  if (path.starts_with(uploads)) {
    target.what = What::upload;
    target.upload = path.substr(uploads.size());
    return target.upload.size() == upload_id_size &&
           target.upload.find_first_not_of("0123456789abcdef") == target.upload.npos;
  }
  if (!path.starts_with(objects) || path[objects.size()] != '/') return false;
  target.what = What::object;
  target.name = path.substr(objects.size() + 1);
  return is_name(target.name);
}

bool take_parameter(const std::string& key, std::string value, Target& target) {
  if (key == "offset") {
    const auto number = storage::parse_rest_number(value);
    target.offset = number.value_or(0);
    return number.has_value();
  }
  if (key == "prefix") {
    target.prefix = std::move(value);
    return passes(storage::check_prefix, target.prefix);
  }
  if (key == "after") {
    target.after = std::move(value);
    return target.after.empty() || is_name(target.after);
  }
  if (key != "name" || target.what != What::upload) return false;
  target.name = std::move(value);
  return is_name(target.name);
}

bool take_query(std::string_view query, Target& target) {
  while (!query.empty()) {
    const auto part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    const auto equals = part.find('=');
    if (equals == part.npos) return false;
    auto value = net::percent_decode(part.substr(equals + 1));
    if (!value || !take_parameter(std::string(part.substr(0, equals)), std::move(*value), target)) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::optional<Target> parse_target(std::string_view text) {
  const auto question = text.find('?');
  const auto path = net::percent_decode(text.substr(0, question));
  if (!path || !path->starts_with(storage::rest_root)) return std::nullopt;
  auto rest = std::string_view(*path).substr(storage::rest_root.size());
  const auto slash = rest.find('/');
  Target target{std::string(rest.substr(0, slash))};
  if (!is_plain_name(target.repository)) return std::nullopt;
  if (slash != rest.npos) {
    rest.remove_prefix(slash + 1);
    if (rest.empty() || !take_path(rest, target)) return std::nullopt;
  }
  if (question != text.npos && !take_query(text.substr(question + 1), target)) return std::nullopt;
  return target;
}

std::optional<ByteRange> parse_range(std::string_view text) {
  constexpr std::string_view unit = "bytes=";
  if (!text.starts_with(unit)) return std::nullopt;
  text.remove_prefix(unit.size());
  const auto dash = text.find('-');
  const auto first = storage::parse_rest_number(text.substr(0, dash));
  if (dash == text.npos || !first) return std::nullopt;
  if (dash + 1 == text.size()) return ByteRange{*first, std::nullopt};
  const auto last = storage::parse_rest_number(text.substr(dash + 1));
  if (!last || *last < *first) return std::nullopt;
  return ByteRange{*first, last};
}

}  // namespace holdfast::store_server
