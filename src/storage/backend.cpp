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
/// What most small objects are below, so that one call reads them; and one request of SFTP.
constexpr std::size_t first_read_size = 32UL * 1024;
/// What a store says of sizes may be a lie, and costs no more memory than this.
constexpr std::uint64_t first_read_size_max = 16ULL * 1024 * 1024;

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

base::Bytes get(Backend& backend, const std::string& name, std::size_t size_max,
                std::uint64_t size_likely) {
  const auto limit = size_max + 1;  // one more shows that it is too large
  base::Bytes bytes;
  auto first = first_read_size;
  if (size_likely > first) {
    first = static_cast<std::size_t>(std::min(size_likely, first_read_size_max)) + 1;
  }
  for (auto room = std::min(first, limit);; room = std::min(16 * room, limit)) {
    const auto before = bytes.size();
    bytes.resize(room);
    const auto count = backend.read(name, before, base::MutableBytes(bytes).subspan(before));
    bytes.resize(before + count);
    if (bytes.size() > size_max) break;
    if (bytes.size() < room) return bytes;
  }
  throw Error(ErrorKind::corrupt,
              fmt::format("reading {} in {}: it has more than the {} bytes that are expected at "
                          "most",
                          name, backend.describe(), size_max));
}

}  // namespace holdfast::storage
