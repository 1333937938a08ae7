#pragma once

#include "base/bytes.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::storage {

inline constexpr std::size_t listing_size_max = 64UL * 1024 * 1024;

/// One line of what a server says of a folder.
struct ListedEntry {
  std::string name{};  // one part of a path, as the server says it
  std::uint64_t size = 0;
  bool is_folder = false;
  bool operator==(const ListedEntry&) const = default;
};

/// The files and folders of an answer to LIST, as most servers write it: like `ls -l`, or like DIR.
/// Links and what is neither file nor folder are left out, and so are "." and "..".
/// Errors: corrupt for a line that is not understood: an object could be on it.
std::vector<ListedEntry> parse_plain_listing(base::ByteView text);
/// Of an answer to MLSD (RFC 3659), likewise.
std::vector<ListedEntry> parse_machine_listing(base::ByteView text);

}  // namespace holdfast::storage
