#include "posix_acl.hpp"

#include "base/little_endian.hpp"

namespace holdfast::archive {

namespace {

constexpr std::uint32_t version = 2;
constexpr std::size_t header_size = 4;
constexpr std::size_t entry_size = 8;

bool is_known(std::uint16_t tag) {
  switch (static_cast<AclEntry::Tag>(tag)) {
    case AclEntry::Tag::owner:
    case AclEntry::Tag::user:
    case AclEntry::Tag::owning_group:
    case AclEntry::Tag::group:
    case AclEntry::Tag::mask:
    case AclEntry::Tag::other:
      return true;
  }
  return false;
}

}  // namespace

std::optional<std::vector<AclEntry>> parse_posix_acl(base::ByteView value) {
  if (value.size() < header_size || (value.size() - header_size) % entry_size != 0) return {};
  if (base::load_le<std::uint32_t>(value.data()) != version) return {};
  std::vector<AclEntry> entries;
  for (std::size_t at = header_size; at < value.size(); at += entry_size) {
    const auto tag = base::load_le<std::uint16_t>(value.data() + at);
    const auto permissions = base::load_le<std::uint16_t>(value.data() + at + 2);
    if (!is_known(tag) || permissions > 7) return {};
    entries.push_back({static_cast<AclEntry::Tag>(tag), permissions,
                       base::load_le<std::uint32_t>(value.data() + at + 4)});
  }
  return entries;
}

}  // namespace holdfast::archive
