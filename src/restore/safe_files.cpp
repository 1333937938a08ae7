#include "safe_files.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <linux/openat2.h>
#include <memory>
#include <sys/syscall.h>

namespace holdfast::restore {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::uint64_t beneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

int open_beneath(int at, const std::string& name, std::uint64_t resolve) {
  struct open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = resolve;
  long fd = 0;
  do {
    fd = ::syscall(SYS_openat2, at, name.c_str(), &how, sizeof how);
  } while (fd < 0 && (errno == EINTR || errno == EAGAIN));
  return static_cast<int>(fd);
}

std::string quoted(const std::string& path) { return "'" + base::printable(path) + "'"; }

[[noreturn]] void fail_to_open(int code, const std::string& path) {
  if (code == ELOOP || code == ENOTDIR || code == EXDEV)
    throw Error(ErrorKind::conflict,
                fmt::format("{} is not a directory of the target any more", quoted(path)))
        .set_hint("something else changes the target while it is restored");
  if (code == ENOSYS)
    throw Error(ErrorKind::unsupported, "this kernel has no openat2, which a safe restore needs")
        .set_hint("Linux 5.6 or newer is needed");
  throw base::system_error(code, "opening directory " + quoted(path));
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

/// Removes a directory and all below it, with few handles open however deep that is.
class TreeRemoval {
public:
  TreeRemoval(int at, const std::function<void(const std::string&)>& removed)
      : at_(at), removed_(removed) {}

  void remove(const std::string& name, const std::string& path) {
    enter(at_, name, path);
    while (!levels_.empty()) {
      if (!levels_.back().handle) reopen();
      if (levels_.back().names.empty()) {
        leave();
      } else {
        remove_next();
      }
    }
  }

private:
  static constexpr std::size_t open_max = 128;

  struct Level {
    base::Fd handle;  // of the deepest levels only
    std::string name;
    std::string path;
    std::vector<std::string> names;  // not removed yet
  };

  void enter(int parent, const std::string& name, const std::string& path) {
    auto handle = open_directory_of_same_mount(parent, name, path);
    if (!handle)
      throw Error(ErrorKind::conflict, fmt::format("{} is a mount point", quoted(path)))
          .set_hint("what is mounted there is left alone; unmount it first");
    auto names = list_names(handle->get(), path);
    levels_.push_back({std::move(*handle), name, path, std::move(names)});
    if (levels_.size() > open_max) levels_[levels_.size() - open_max - 1].handle.reset();
  }

  /// Opens the deepest levels again, from the top.
  void reopen() {
    base::Fd above;
    int parent = at_;
    for (std::size_t i = 0; i < levels_.size(); ++i) {
      auto handle = open_directory_of_same_mount(parent, levels_[i].name, levels_[i].path);
      if (!handle) throw Error(ErrorKind::conflict, "something was mounted on what is removed");
      parent = handle->get();
      auto& keeper = levels_.size() - i <= open_max ? levels_[i].handle : above;
      keeper = std::move(*handle);
    }
  }

  void leave() {
    const Level done = std::move(levels_.back());
    levels_.pop_back();
    if (!levels_.empty() && !levels_.back().handle) reopen();
    const int parent = levels_.empty() ? at_ : levels_.back().handle.get();
    if (::unlinkat(parent, done.name.c_str(), AT_REMOVEDIR) != 0)
      throw base::system_error(errno, "removing directory " + quoted(done.path));
    removed_(done.path);
  }

  void remove_next() {
    Level& level = levels_.back();
    const std::string child = std::move(level.names.back());
    level.names.pop_back();
    const auto path = level.path + "/" + child;
    const int parent = level.handle.get();
    const auto status = status_at(parent, child);
    if (status && S_ISDIR(status->st_mode)) {
      enter(parent, child, path);
    } else if (status && remove_name(parent, child, path)) {
      removed_(path);
    }
  }

  const int at_;
  const std::function<void(const std::string&)>& removed_;
  std::vector<Level> levels_;
};

}  // namespace

base::Fd open_directory(int at, const std::string& name, const std::string& path) {
  const int fd = open_beneath(at, name, beneath);
  if (fd < 0) fail_to_open(errno, path);
  return base::Fd(fd);
}

std::optional<base::Fd> open_directory_of_same_mount(int at, const std::string& name,
                                                     const std::string& path) {
  const int fd = open_beneath(at, name, beneath | RESOLVE_NO_XDEV);
  if (fd >= 0) return base::Fd(fd);
  if (errno == EXDEV) return std::nullopt;
  fail_to_open(errno, path);
}

void make_directory(int at, const std::string& name, const std::string& path) {
  if (::mkdirat(at, name.c_str(), 0700) != 0)
    throw base::system_error(errno, "making directory " + quoted(path));
}

void make_accessible(int at, const std::string& name, const std::string& path) {
  if (::geteuid() == 0) return;
  const auto node = open_node(at, name);
  if (!node) return;  // opening it will say why
  const auto status = status_of(node->get(), path);
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 0700) == 0700)
    return;
  // fchmod refuses O_PATH handles; the link below /proc leads to this very inode.
  const auto link = fmt::format("/proc/self/fd/{}", node->get());
  if (::chmod(link.c_str(), (status.st_mode & 07777) | 0700) != 0)
    throw base::system_error(errno, "getting access to " + quoted(path));
}

base::Fd create_file(int at, const std::string& name, const std::string& path) {
  int fd = 0;
  do {
    fd = ::openat(at, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) throw base::system_error(errno, "creating " + quoted(path));
  return base::Fd(fd);
}

std::optional<base::Fd> open_node(int at, const std::string& name) {
  const int fd = ::openat(at, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  return base::Fd(fd);
}

std::optional<base::Fd> open_existing_file(int at, const std::string& name, int flags) {
  // O_NONBLOCK: a fifo that came in between must not stop us.
  const int fd = ::openat(at, name.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  base::Fd file(fd);
  if (!S_ISREG(status_of(file.get(), name).st_mode)) return std::nullopt;
  return file;
}

std::optional<struct stat> status_at(int at, const std::string& name) {
  struct stat status{};
  if (::fstatat(at, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return status;
  if (errno == ENOENT) return std::nullopt;
  throw base::system_error(errno, "looking at " + quoted(name));
}

struct stat status_of(int fd, const std::string& path) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) throw base::system_error(errno, "looking at " + quoted(path));
  return status;
}

void replace_name(int at, const std::string& from, const std::string& to, const std::string& path) {
  if (::renameat(at, from.c_str(), at, to.c_str()) != 0)
    throw base::system_error(errno, "putting the restored content in the place of " + quoted(path));
}

bool remove_name(int at, const std::string& name, const std::string& path) {
  if (::unlinkat(at, name.c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  throw base::system_error(errno, "removing " + quoted(path));
}

void remove_tree(int at, const std::string& name, const std::string& path,
                 const std::function<void(const std::string&)>& removed) {
  const auto status = status_at(at, name);
  if (!status) return;
  if (!S_ISDIR(status->st_mode)) {
    if (remove_name(at, name, path)) removed(path);
    return;
  }
  TreeRemoval(at, removed).remove(name, path);
}

std::vector<std::string> list_names(int directory, const std::string& path) {
  const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) throw base::system_error(errno, "reading directory " + quoted(path));
  const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(copy));
  if (!stream) {
    ::close(copy);
    throw base::system_error(errno, "reading directory " + quoted(path));
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  if (errno != 0) throw base::system_error(errno, "reading directory " + quoted(path));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace holdfast::restore
