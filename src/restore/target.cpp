#include "target.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "browse/snapshot_view.hpp"
#include "safe_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <sys/stat.h>

namespace holdfast::restore {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t mark_size_max = 256;

bool exists_as_directory(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return false;
    throw base::system_error(errno, fmt::format("looking at '{}'", base::printable(path)));
  }
  if (!S_ISDIR(status.st_mode))
    throw Error(ErrorKind::conflict, fmt::format("'{}' is not a directory", base::printable(path)));
  return true;
}

/// The path that the user gave; symlinks in it are the user's own.
void make_path(const std::string& path) {
  std::string so_far;
  for (const auto& component : browse::split_path(path)) {
    so_far += "/" + component;
    if (::mkdir(so_far.c_str(), 0700) != 0 && errno != EEXIST)
      throw base::system_error(errno, fmt::format("making '{}'", base::printable(so_far)));
  }
}

}  // namespace

Target::Target(const RestoreRequest& request, const base::SnapshotId& snapshot)
    : request_(request), mark_(snapshot.hex()) {
  if (request.dry_run && request.directory.empty()) {
    made_ = true;
    return;
  }
  browse::split_path(request.directory);
  if (!exists_as_directory(request.directory)) {
    if (request.layout == Layout::in_place)
      throw Error(ErrorKind::not_found,
                  fmt::format("the target '{}' is not there", base::printable(request.directory)));
    made_ = true;
    if (request.dry_run) return;
    make_path(request.directory);
  }
  handle_ = base::open_file(request.directory, O_RDONLY | O_DIRECTORY);
  if (request.layout == Layout::in_place) return;
  const bool resumed = is_marked();
  if (!made_ && !resumed && !request.allow_existing &&
      !list_names(handle_.get(), request.directory).empty())
    throw Error(ErrorKind::conflict,
                fmt::format("'{}' is not empty", base::printable(request.directory)))
        .set_hint("choose a new directory, or allow writing into this one");
  if (resumed) made_ = true;
  if (!request.dry_run && !resumed) mark();
  marked_ = !request.dry_run;
}

bool Target::is_marked() const {
  const auto file = open_existing_file(handle_.get(), marker_name, O_RDONLY);
  if (!file) return false;
  base::Bytes text(mark_size_max);
  text.resize(base::read_at(file->get(), 0, text, marker_name));
  return base::as_text(text) == mark_;
}

void Target::mark() const {
  remove_name(handle_.get(), marker_name, request_.directory);
  const auto file = create_file(handle_.get(), marker_name, request_.directory);
  base::write_all(file.get(), base::as_bytes(mark_), marker_name);
}

void Target::finished() {
  if (marked_) remove_name(handle_.get(), marker_name, request_.directory);
}

}  // namespace holdfast::restore
