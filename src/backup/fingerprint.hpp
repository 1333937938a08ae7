#pragma once

#include "base/clock.hpp"
#include "sources/source.hpp"

#include <cstdint>
#include <string_view>

namespace holdfast::backup {

/// 64 bits over everything that a change of a file would change: path, kind, mode, owner, size,
/// times, inode. Equal fingerprints mean an unchanged file; 0 means "cannot tell".
using Fingerprint = std::uint64_t;

/// A number for a directory's path, mixed into the fingerprints of what is in it.
std::uint64_t path_seed(std::string_view path);

/// Gives 0 for a file whose times are so close to `now` that another change could carry the same
/// time.
Fingerprint fingerprint_of(const sources::ListedEntry& listed, std::uint64_t directory_seed,
                           base::WallTime now);

/// A number for a name within its directory; never 0.
std::uint64_t name_key(std::string_view name);

}  // namespace holdfast::backup
