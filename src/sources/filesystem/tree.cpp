#include "tree.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "kernel.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <sys/stat.h>

namespace holdfast::sources {
namespace {

constexpr std::uint64_t directory_flags = O_RDONLY | O_DIRECTORY | O_NONBLOCK;

/// 0 when there is nothing: then opening it tells so.
std::uint64_t device_of(const std::string& path) {
  struct stat status{};
  if (::fstatat(AT_FDCWD, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return status.st_dev;
  if (errno == ENOENT || errno == ENOTDIR) return 0;
  throw base::system_error(errno, fmt::format("looking at {}", base::printable(path)));
}

/// Nothing when the path cannot be resolved.
std::optional<std::string> resolved(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  if (!real) return std::nullopt;
  return std::string(real.get());
}

/// `path` with the links of its directory resolved, not its last part.
std::optional<std::string> with_resolved_directory(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const auto directory = resolved(slash == 0 ? "/" : path.substr(0, slash));
  if (!directory) return std::nullopt;
  return join_path(*directory, std::string_view(path).substr(slash + 1));
}

}  // namespace

std::string normalize_path(const std::string& path) {
  if (!path.starts_with('/') || path.find('\0') != std::string::npos)
    throw base::Error(base::ErrorKind::invalid_input,
                      fmt::format("'{}' is not an absolute path", base::printable(path)));
  std::string clean;
  std::string_view rest = path;
  while (!rest.empty()) {
    const std::string_view name = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      // What is above depends on where links lead.
      const std::string above = clean + "/..";
      const auto real = resolved(above);
      if (!real)
        throw base::system_error(errno, fmt::format("resolving {}", base::printable(above)));
      clean = *real == "/" ? "" : *real;
      continue;
    }
    clean += '/';
    clean += name;
  }
  return clean.empty() ? "/" : clean;
}

Tree::Tree(std::string path, FilesystemOptions options, std::optional<PathList> list)
    : path_(std::move(path)),
      options_(std::move(options)),
      list_(std::move(list)),
      root_device_(device_of(path_)),
      reader_(root_device_) {
  require_proc();
  for (const std::string& pattern : options_.exclude)
    rules_.add(pattern);
  for (const std::string& excluded : options_.exclude_paths) {
    const std::string clean = normalize_path(excluded);
    add_excluded_path(clean);
    if (const auto real = with_resolved_directory(clean)) add_excluded_path(*real);
  }
}

/// A path may reach the tree by another way than our root does: through links above it.
void Tree::add_excluded_path(const std::string& path) {
  const auto add = [&](std::string_view beneath) {
    const std::string whole = join_path(path_, beneath);
    const std::size_t slash = whole.rfind('/');
    std::string directory = slash == 0 ? "/" : whole.substr(0, slash);
    excluded_directory_sizes_.insert(directory.size());
    excluded_[std::move(directory)].insert(whole.substr(slash + 1));
  };
  const auto add_if_beneath = [&](const std::string& root) {
    const std::string prefix = root == "/" ? root : root + "/";
    if (path.size() > prefix.size() && path.starts_with(prefix))
      add(std::string_view(path).substr(prefix.size()));
  };
  add_if_beneath(path_);
  const auto real_root = with_resolved_directory(path_);
  if (real_root && *real_root != path_) add_if_beneath(*real_root);
}

const std::set<std::string, std::less<>>* Tree::excluded_names(const TreePath& path) const {
  // Comparing sizes first spares composing the path of nearly every directory.
  if (!excluded_directory_sizes_.contains(path.absolute_size())) return nullptr;
  const auto found = excluded_.find(path.absolute());
  return found == excluded_.end() ? nullptr : &found->second;
}

base::Fd Tree::open_with(const std::function<int()>& open,
                         const std::function<std::string()>& doing) {
  int fd = open();
  if (fd < 0 && errno == EMFILE) {
    raise_descriptor_limit();
    handles_.clear();
    fd = open();
  }
  if (fd >= 0) return base::Fd(fd);
  const int code = errno;
  // ENXIO is a socket, or a device without a driver.
  if (code == ELOOP || code == ENOTDIR || code == ENXIO)
    throw base::Error(base::ErrorKind::conflict,
                      fmt::format("{}: it is something else than it was", doing()));
  throw base::system_error(code, doing());
}

base::Fd Tree::open_directory(const TreePath& path) {
  const auto doing = [&] { return fmt::format("opening {}", base::printable(path.absolute())); };
  const auto names = path.components();
  base::Fd at = open_with(
      [&] {
        const int flags = names.empty() ? O_RDONLY : O_PATH;
        return open_given(path_.c_str(), flags | O_DIRECTORY | O_NONBLOCK);
      },
      doing);
  for (std::size_t next = 0; next < names.size();) {
    std::string hop(names[next++]);
    while (next < names.size() && hop.size() + 1 + names[next].size() < PATH_MAX) {
      hop += '/';
      hop += names[next++];
    }
    const std::uint64_t flags = next < names.size() ? O_PATH | O_DIRECTORY : directory_flags;
    at = open_with([&] { return open_beneath(at.get(), hop.c_str(), flags); }, doing);
  }
  return at;
}

}  // namespace holdfast::sources
