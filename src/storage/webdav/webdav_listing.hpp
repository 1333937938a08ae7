// What a server says about files. It is hostile until read.
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::storage {

struct DavEntry {
  std::string path{};  // absolute on the server, decoded; a folder's without '/' at its end
  bool is_folder = false;
  std::optional<std::uint64_t> size{};
  std::optional<base::WallTime> modified{};
};

/// The answer to PROPFIND. What the server could not tell about is left out.
/// Errors: corrupt when `xml` is none, is cut, has a size that is no number, a path that is none,
/// or more than `count_max` entries.
std::vector<DavEntry> parse_multistatus(base::ByteView xml, std::size_t count_max);

}  // namespace holdfast::storage
