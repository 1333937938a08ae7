#include "storage/backend.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t name_size_max = 200;
constexpr std::size_t name_parts_max = 4;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool is_part(std::string_view part) {
  return !part.empty() && part.front() != '.' &&
         std::all_of(part.begin(), part.end(), is_name_character);
}

}  // namespace

bool is_object_name(std::string_view name) {
  if (name.size() > name_size_max) return false;
  for (std::size_t parts = 1; parts <= name_parts_max; ++parts) {
    const auto slash = name.find('/');
    if (!is_part(name.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
  return false;
}

void check_name(const std::string& name) {
  if (is_object_name(name)) return;
  throw Error(ErrorKind::invalid_input,
              fmt::format("'{}' is not a name for an object", base::printable(name)));
}

void check_prefix(const std::string& prefix) {
  if (prefix.empty()) return;
  if (prefix.back() == '/' &&
      is_object_name(std::string_view(prefix).substr(0, prefix.size() - 1))) {
    return;
  }
  throw Error(ErrorKind::invalid_input,
              fmt::format("'{}' is not a prefix of object names", base::printable(prefix)));
}

PutOutcome put(Backend& backend, const std::string& name, base::ByteView bytes) {
  const auto writer = backend.create(name);
  writer->append(bytes);
  return writer->commit();
}

base::Bytes get(Backend& backend, const std::string& name, std::size_t size_max) {
  const auto info = backend.stat(name);
  if (!info) {
    throw Error(ErrorKind::not_found,
                fmt::format("reading {} in {}: there is no such object", name, backend.describe()));
  }
  if (info->size > size_max) {
    throw Error(ErrorKind::corrupt,
                fmt::format("reading {} in {}: it has {} bytes where at most {} are expected", name,
                            backend.describe(), info->size, size_max));
  }
  base::Bytes bytes(info->size);
  const auto count = backend.read(name, 0, bytes);
  if (count != bytes.size()) {
    throw Error(ErrorKind::corrupt, fmt::format("reading {} in {}: it ended after {} of {} bytes",
                                                name, backend.describe(), count, bytes.size()));
  }
  return bytes;
}

}  // namespace holdfast::storage
