#include "metadata.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/xattr.h>
#include <vector>

namespace holdfast::restore {

namespace {

using sources::Entry;
using sources::EntryKind;

constexpr std::uint32_t no_id = 0xffff'ffff;  // chown takes it for "leave as it is"
constexpr std::size_t lookup_buffer_size = 16 * 1024;
constexpr std::size_t attribute_list_max = 64 * 1024;   // XATTR_LIST_MAX
constexpr std::size_t attribute_value_max = 64 * 1024;  // XATTR_SIZE_MAX
constexpr std::string_view access_list = "system.posix_acl_access";
constexpr std::string_view default_list = "system.posix_acl_default";

std::optional<std::uint32_t> user_of(const std::string& name) {
  std::array<char, lookup_buffer_size> buffer{};
  passwd record{};
  passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &record, buffer.data(), buffer.size(), &found) != 0 || !found)
    return std::nullopt;
  return found->pw_uid;
}

std::optional<std::uint32_t> group_of(const std::string& name) {
  std::array<char, lookup_buffer_size> buffer{};
  group record{};
  group* found = nullptr;
  if (::getgrnam_r(name.c_str(), &record, buffer.data(), buffer.size(), &found) != 0 || !found)
    return std::nullopt;
  return found->gr_gid;
}

template <class Lookup>
std::uint32_t mapped(std::map<std::string, std::optional<std::uint32_t>>& known,
                     const std::string& name, std::uint32_t id, Lookup lookup) {
  if (name.empty()) return id;
  auto at = known.find(name);
  if (at == known.end()) at = known.emplace(name, lookup(name)).first;
  return at->second.value_or(id);
}

bool needs_trust(const std::string& name) {
  return name.starts_with("security.") || name.starts_with("trusted.");
}

/// Attributes that stand for themselves on a target and are removed when the snapshot has none.
bool is_managed(const std::string& name) {
  return name.starts_with("user.") || name == access_list || name == default_list;
}

std::vector<std::string> split_names(const std::vector<char>& list) {
  std::vector<std::string> names;
  for (auto at = list.begin(); at != list.end();) {
    const auto end = std::find(at, list.end(), '\0');
    names.emplace_back(at, end);
    at = end == list.end() ? end : end + 1;
  }
  return names;
}

timespec time_of(const Entry& entry) {
  return {static_cast<time_t>(entry.mtime_seconds), static_cast<long>(entry.mtime_nanoseconds)};
}

std::string quoted(const std::string& path) { return "'" + base::printable(path) + "'"; }

}  // namespace

Metadata::Metadata(const RestoreRequest& request, Report& report)
    : owners_(request.owners),
      special_(request.special),
      own_user_(::geteuid()),
      own_group_(::getegid()),
      privileged_(own_user_ == 0),
      report_(report) {}

void Metadata::prepare(Entry& entry, const std::string& path) {
  entry.mode &= 07777;
  if (owners_) {
    entry.user_id = mapped(users_, entry.user_name, entry.user_id, user_of);
    entry.group_id = mapped(groups_, entry.group_name, entry.group_id, group_of);
    if (entry.user_id == no_id || entry.group_id == no_id) {
      report_.problem(path, "its owner cannot be one (4294967295); it belongs to who restores");
      if (entry.user_id == no_id) entry.user_id = own_user_;
      if (entry.group_id == no_id) entry.group_id = own_group_;
    }
  }
  drop_unsafe_mode(entry, path);
  drop_unsafe_attributes(entry, path);
  if (!owners_) {
    entry.user_id = own_user_;
    entry.group_id = own_group_;
  }
  entry.user_name.clear();
  entry.group_name.clear();
}

void Metadata::drop_unsafe_mode(Entry& entry, const std::string& path) {
  // On a directory they only say which group new entries get.
  if (entry.kind == EntryKind::directory || (entry.mode & 06000) == 0) return;
  if (special_ && owner_will_be_right(entry)) return;
  entry.mode &= 01777;
  report_.problem(path, special_ ? "setuid or setgid left out: its owner cannot be restored"
                                 : "setuid or setgid left out: the snapshot is not trusted");
}

void Metadata::drop_unsafe_attributes(Entry& entry, const std::string& path) {
  if (special_ || entry.attributes.empty()) return;
  std::erase_if(entry.attributes, [&](const sources::ExtendedAttribute& attribute) {
    if (!needs_trust(attribute.name)) return false;
    report_.problem(path, fmt::format("attribute {} left out: the snapshot is not trusted",
                                      base::printable(attribute.name)));
    return true;
  });
}

bool Metadata::owner_will_be_right(const Entry& entry) const {
  if (!owners_) return entry.user_id == own_user_ && entry.group_id == own_group_;
  return privileged_ || (entry.user_id == own_user_ && entry.group_id == own_group_);
}

bool Metadata::owner_differs(const struct stat& status, const Entry& entry) const {
  return status.st_uid != entry.user_id || status.st_gid != entry.group_id;
}

void Metadata::set_owner(int fd, const Entry& entry, const std::string& path) {
  if (!privileged_) {
    report_.warn_once("owners are left as they come out: restoring them needs root");
    return;
  }
  if (::fchownat(fd, "", entry.user_id, entry.group_id, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0)
    report_.problem(path, base::system_error(errno, "setting its owner").what());
}

void Metadata::set_mode(const Access& access, const Entry& entry, const std::string& path) {
  const int outcome = access.link.empty() ? ::fchmod(access.fd, entry.mode)
                                          : ::chmod(access.link.c_str(), entry.mode);
  if (outcome != 0) report_.problem(path, base::system_error(errno, "setting its mode").what());
}

void Metadata::set_time(const Access& access, const Entry& entry, const std::string& path) {
  const timespec times[2] = {{0, UTIME_OMIT}, time_of(entry)};
  const int outcome = access.link.empty() ? ::futimens(access.fd, times)
                                          : ::utimensat(access.fd, "", times, AT_EMPTY_PATH);
  if (outcome != 0) report_.problem(path, base::system_error(errno, "setting its time").what());
}

void Metadata::set_attributes(const Access& access, const Entry& entry, const std::string& path) {
  for (const auto& [name, value] : entry.attributes) {
    const int outcome =
        access.link.empty()
            ? ::fsetxattr(access.fd, name.c_str(), value.data(), value.size(), 0)
            : ::setxattr(access.link.c_str(), name.c_str(), value.data(), value.size(), 0);
    if (outcome != 0)
      report_.problem(
          path, base::system_error(errno, "setting attribute " + base::printable(name)).what());
  }
}

void Metadata::apply_to_new(int fd, const Entry& entry, const std::string& path) {
  if (entry.user_id != own_user_ || entry.group_id != own_group_) set_owner(fd, entry, path);
  if (!entry.attributes.empty()) set_attributes({fd, {}}, entry, path);
  set_mode({fd, {}}, entry, path);
  set_time({fd, {}}, entry, path);
}

bool Metadata::sync_attributes(const Access& access, const Entry& entry, const std::string& path,
                               Act act) {
  std::vector<char> list(attribute_list_max);
  const auto size = access.link.empty()
                        ? ::flistxattr(access.fd, list.data(), list.size())
                        : ::listxattr(access.link.c_str(), list.data(), list.size());
  list.resize(size < 0 ? 0 : static_cast<std::size_t>(size));  // no attributes here at all
  bool differs = false;
  const auto there = split_names(list);
  for (const auto& name : there) {
    const auto wanted = std::find_if(entry.attributes.begin(), entry.attributes.end(),
                                     [&](const auto& attribute) { return attribute.name == name; });
    if (wanted != entry.attributes.end() || !is_managed(name)) continue;
    differs = true;
    if (act == Act::look_only) continue;
    const int outcome = access.link.empty() ? ::fremovexattr(access.fd, name.c_str())
                                            : ::removexattr(access.link.c_str(), name.c_str());
    if (outcome != 0)
      report_.problem(
          path, base::system_error(errno, "removing attribute " + base::printable(name)).what());
  }
  Entry changed;
  std::vector<char> value(entry.attributes.empty() ? 0 : attribute_value_max);
  for (const auto& attribute : entry.attributes) {
    const char* name = attribute.name.c_str();
    const auto length = access.link.empty()
                            ? ::fgetxattr(access.fd, name, value.data(), value.size())
                            : ::getxattr(access.link.c_str(), name, value.data(), value.size());
    const bool same = length == static_cast<ssize_t>(attribute.value.size()) &&
                      std::equal(attribute.value.begin(), attribute.value.end(),
                                 std::as_bytes(std::span(value)).begin());
    if (!same) changed.attributes.push_back(attribute);
  }
  if (act == Act::change) set_attributes(access, changed, path);
  return differs || !changed.attributes.empty();
}

bool Metadata::apply(const Access& access, const Entry& entry, const std::string& path, Act act) {
  struct stat status{};
  if (::fstat(access.fd, &status) != 0)
    throw base::system_error(errno, "looking at " + quoted(path));
  const bool symlink = entry.kind == EntryKind::symlink;
  bool differs = false;
  if (owner_differs(status, entry) && (privileged_ || act == Act::change)) {
    differs = privileged_;
    if (act == Act::change) {
      set_owner(access.fd, entry, path);
      status.st_mode &= ~mode_t{06000};  // the kernel took them away
    }
  }
  // An access list that was set or removed changed the mode as well.
  const bool mode_unknown = sync_attributes(access, entry, path, act);
  if (mode_unknown) differs = true;
  if (!symlink && (mode_unknown || (status.st_mode & 07777) != entry.mode)) {
    differs = true;
    if (act == Act::change) set_mode(access, entry, path);
  }
  const timespec wanted = time_of(entry);
  if (status.st_mtim.tv_sec != wanted.tv_sec || status.st_mtim.tv_nsec != wanted.tv_nsec) {
    differs = true;
    if (act == Act::change) set_time(access, entry, path);
  }
  return differs;
}

bool Metadata::apply_to_existing(int fd, const Entry& entry, const std::string& path, Act act) {
  return apply({fd, {}}, entry, path, act);
}

bool Metadata::apply_to_node(int node, const Entry& entry, const std::string& path, Act act) {
  // fchmod and fsetxattr refuse O_PATH handles; the link below /proc leads to this very inode, also
  // when that is a symlink.
  return apply({node, fmt::format("/proc/self/fd/{}", node)}, entry, path, act);
}

}  // namespace holdfast::restore
