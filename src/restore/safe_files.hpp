#pragma once

#include "base/bytes.hpp"
#include "base/fd.hpp"

#include <functional>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <vector>

/// The only calls by which a restore touches names in the target. `at` is always the handle of a
/// directory, `name` one component (open_directory takes several), nothing follows a symlink.
/// `path` is for messages only.
namespace holdfast::restore {

/// Opens beneath `at` for reading, with openat2: no symlinks, no magic links, no "..".
/// Errors: conflict when there is something else than a directory on the way.
base::Fd open_directory(int at, const std::string& name, const std::string& path);
/// As open_directory, but refuses another mount; nothing when that is why.
std::optional<base::Fd> open_directory_of_same_mount(int at, const std::string& name,
                                                     const std::string& path);
/// A directory of mode 0700. Errors: already_exists.
void make_directory(int at, const std::string& name, const std::string& path);

/// Gives a directory of ours that we may not enter the rights for it; root may enter all.
void make_accessible(int at, const std::string& name, const std::string& path);

/// A new file, 0600, for reading and writing. Errors: already_exists.
base::Fd create_file(int at, const std::string& name, const std::string& path);
/// What is there, whatever it is, for use as a name only (O_PATH); nothing if nothing is.
std::optional<base::Fd> open_node(int at, const std::string& name);
/// A regular file that exists; nothing when it is none, is absent or may not be opened so.
std::optional<base::Fd> open_existing_file(int at, const std::string& name, int flags);

std::optional<struct stat> status_at(int at, const std::string& name);
struct stat status_of(int fd, const std::string& path);

/// Puts `from` in the place of `to`, whatever that was but for a directory.
void replace_name(int at, const std::string& from, const std::string& to, const std::string& path);
/// Not for directories. Whether there was something to remove.
bool remove_name(int at, const std::string& name, const std::string& path);
/// Removes `name` and all below it, never entering another mount. `removed` gets every path.
/// Errors: conflict when a mount point is in the way.
void remove_tree(int at, const std::string& name, const std::string& path,
                 const std::function<void(const std::string&)>& removed);
/// Names in byte order, without "." and "..".
std::vector<std::string> list_names(int directory, const std::string& path);

}  // namespace holdfast::restore
