#include "fingerprint.hpp"

#include <xxhash.h>

#include <array>

namespace holdfast::backup {
namespace {

/// Kernels stamp times with a coarse clock (up to 10 ms), some network filesystems with whole
/// seconds.
constexpr std::int64_t racy_seconds = 2;

}  // namespace

std::uint64_t path_seed(std::string_view path) { return XXH3_64bits(path.data(), path.size()); }

std::uint64_t name_key(std::string_view name) { return XXH3_64bits(name.data(), name.size()) | 1U; }

Fingerprint fingerprint_of(const sources::ListedEntry& listed, std::uint64_t directory_seed,
                           base::WallTime now) {
  const auto& entry = listed.entry;
  const auto& identity = listed.identity;
  if (identity.ctime_seconds + racy_seconds >= now.seconds) return 0;
  const std::array<std::uint64_t, 10> fields = {
      XXH3_64bits(entry.name.data(), entry.name.size()),
      static_cast<std::uint64_t>(entry.kind) << 32U | entry.mode,
      static_cast<std::uint64_t>(entry.user_id) << 32U | entry.group_id,
      entry.size,
      static_cast<std::uint64_t>(entry.mtime_seconds),
      static_cast<std::uint64_t>(identity.ctime_seconds),
      static_cast<std::uint64_t>(entry.mtime_nanoseconds) << 32U | identity.ctime_nanoseconds,
      identity.inode,
      identity.device,
      entry.device};
  const auto value = XXH3_64bits_withSeed(fields.data(), sizeof fields, directory_seed);
  return value == 0 ? 1 : value;
}

}  // namespace holdfast::backup
