#include "entry_reader.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <mutex>
#include <optional>
#include <sys/xattr.h>
#include <vector>

namespace holdfast::sources {
namespace {

constexpr std::size_t attribute_size_max =
    65536;  // XATTR_SIZE_MAX and XATTR_LIST_MAX of the kernel
constexpr std::size_t name_buffer_size_max = base::mib;  // a group with very many members

EntryKind kind_of(const struct stat& status) {
  switch (status.st_mode & S_IFMT) {
    case S_IFREG:
      return EntryKind::file;
    case S_IFDIR:
      return EntryKind::directory;
    case S_IFLNK:
      return EntryKind::symlink;
    case S_IFIFO:
      return EntryKind::fifo;
    case S_IFSOCK:
      return EntryKind::socket;
    case S_IFBLK:
      return EntryKind::block_device;
    case S_IFCHR:
      return EntryKind::char_device;
    default:
      throw base::Error(
          base::ErrorKind::unsupported,
          fmt::format("files of the type {:o} are not known", status.st_mode & S_IFMT));
  }
}

/// Asks with growing buffers until the answer fits; nothing where the call says so with ENODATA.
template <class Call>
std::optional<base::Bytes> read_growing(Call call, std::size_t size_max, const char* doing) {
  std::array<std::byte, 512> small;
  ssize_t got = call(small.data(), small.size());
  if (got >= 0) return base::Bytes(small.begin(), small.begin() + got);
  base::Bytes large;
  while (errno == ERANGE && large.size() < size_max) {
    large.resize(std::min(std::max(large.size() * 4, small.size() * 4), size_max));
    got = call(large.data(), large.size());
    if (got >= 0) {
      large.resize(static_cast<std::size_t>(got));
      return large;
    }
  }
  if (errno == ENODATA) return std::nullopt;
  throw base::system_error(errno, doing);
}

std::string read_link(const char* path) {
  std::string target(256, '\0');
  for (;;) {
    const ssize_t got = ::readlink(path, target.data(), target.size());
    if (got < 0) throw base::system_error(errno, "reading the link");
    if (static_cast<std::size_t>(got) < target.size()) {
      target.resize(static_cast<std::size_t>(got));
      return target;
    }
    if (target.size() > attribute_size_max)
      throw base::Error(base::ErrorKind::io, "reading the link: its target is too long");
    target.resize(target.size() * 2);
  }
}

/// getpwuid_r and getgrgid_r in one: `call(record, buffer, size, result)`.
template <class Record, class Call>
std::string look_up_name(Call call, char* Record::* name) {
  std::vector<char> buffer(1024);
  for (;;) {
    Record record{};
    Record* found = nullptr;
    const int code = call(&record, buffer.data(), buffer.size(), &found);
    if (code == 0 && found != nullptr) return found->*name;
    if (code == EINTR) continue;
    // An id without a name, or a name service that does not answer: the number alone is right in
    // both cases.
    if (code != ERANGE || buffer.size() >= name_buffer_size_max) return {};
    buffer.resize(buffer.size() * 4);
  }
}

}  // namespace

ItemProblem problem_of(std::string path, const base::Error& error) {
  return {std::move(path), error.kind(), error.what()};
}

EntryReader::EntryReader(std::uint64_t root_device) : root_device_(root_device) {}

void EntryReader::fill_status(const struct stat& status, ListedEntry& listed) {
  Entry& entry = listed.entry;
  entry.kind = kind_of(status);
  entry.mode = status.st_mode & 07777;
  entry.user_id = status.st_uid;
  entry.group_id = status.st_gid;
  entry.mtime_seconds = status.st_mtim.tv_sec;
  entry.mtime_nanoseconds = static_cast<std::uint32_t>(status.st_mtim.tv_nsec);
  entry.size = entry.kind == EntryKind::file
                   ? static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0))
                   : 0;
  const bool is_device =
      entry.kind == EntryKind::block_device || entry.kind == EntryKind::char_device;
  entry.device = is_device ? status.st_rdev : 0;
  entry.hard_link =
      entry.kind == EntryKind::file && status.st_nlink > 1 ? hard_link_number(status) : 0;
  listed.identity = {status.st_dev, status.st_ino, status.st_ctim.tv_sec,
                     static_cast<std::uint32_t>(status.st_ctim.tv_nsec),
                     static_cast<std::uint32_t>(status.st_nlink)};
}

/// The inode number; on other devices than the first mixed with the device. The same in every run,
/// for entries of an earlier run and new ones stand in one snapshot.
std::uint64_t EntryReader::hard_link_number(const struct stat& status) const {
  constexpr std::uint64_t spread = 0x9e3779b97f4a7c15;  // odd: no two devices get one number
  std::uint64_t number = status.st_ino;
  if (status.st_dev != root_device_) number ^= status.st_dev * spread;
  return number == 0 ? ~std::uint64_t{0} : number;
}

void EntryReader::fill_details(const Place& place, ListedEntry& listed,
                               const ProblemSink& problems) {
  fill_owner_names(listed.entry);
  if (listed.entry.kind == EntryKind::symlink)
    listed.entry.link_target = read_link(place.access_path);
  try {
    fill_attributes(place, listed);
  } catch (const base::Error& error) {
    problems(problem_of(place.display_path(), error));
  }
}

template <class Lookup>
std::string EntryReader::cached_name(std::unordered_map<std::uint32_t, std::string>& cache,
                                     std::uint32_t id, Lookup lookup) {
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = cache.find(id); found != cache.end()) return found->second;
  }
  std::string name = lookup();
  const std::unique_lock lock(mutex_);
  return cache.try_emplace(id, std::move(name)).first->second;
}

void EntryReader::fill_owner_names(Entry& entry) {
  entry.user_name = cached_name(user_names_, entry.user_id, [&] {
    return look_up_name<passwd>(
        [&](passwd* record, char* buffer, std::size_t size, passwd** found) {
          return ::getpwuid_r(entry.user_id, record, buffer, size, found);
        },
        &passwd::pw_name);
  });
  entry.group_name = cached_name(group_names_, entry.group_id, [&] {
    return look_up_name<group>(
        [&](group* record, char* buffer, std::size_t size, group** found) {
          return ::getgrgid_r(entry.group_id, record, buffer, size, found);
        },
        &group::gr_name);
  });
}

bool EntryReader::lacks_attributes(std::uint64_t device) {
  const std::shared_lock lock(mutex_);
  return devices_without_attributes_.contains(device);
}

void EntryReader::fill_attributes(const Place& place, ListedEntry& listed) {
  listed.entry.attributes.clear();
  if (lacks_attributes(listed.identity.device)) return;
  const auto names = read_growing(
      [&](std::byte* into, std::size_t size) {
        auto* list = reinterpret_cast<char*>(into);
        const ssize_t got = place.file >= 0 ? ::flistxattr(place.file, list, size)
                                            : ::llistxattr(place.access_path, list, size);
        if (got < 0 && errno == ENOTSUP) errno = ENODATA;
        return got;
      },
      attribute_size_max, "listing extended attributes");
  if (!names) {
    // Special files may have none where others do.
    const bool tells_of_the_device =
        listed.entry.kind == EntryKind::file || listed.entry.kind == EntryKind::directory;
    const std::unique_lock lock(mutex_);
    if (tells_of_the_device) devices_without_attributes_.insert(listed.identity.device);
    return;
  }
  std::string_view rest = base::as_text(*names);
  while (!rest.empty()) {
    const std::string name(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    const std::string doing =
        fmt::format("reading the extended attribute {}", base::printable(name));
    auto value = read_growing(
        [&](std::byte* into, std::size_t size) {
          return place.file >= 0 ? ::fgetxattr(place.file, name.c_str(), into, size)
                                 : ::lgetxattr(place.access_path, name.c_str(), into, size);
        },
        attribute_size_max, doing.c_str());
    if (value) listed.entry.attributes.push_back({name, std::move(*value)});
  }
  std::sort(listed.entry.attributes.begin(), listed.entry.attributes.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
}

}  // namespace holdfast::sources
