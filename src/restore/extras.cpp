#include "extras.hpp"

#include "base/error.hpp"
#include "safe_files.hpp"

#include <algorithm>

namespace holdfast::restore {

namespace {

bool is_at_or_below(const std::string& path, const std::string& above) {
  if (above == "/") return true;
  return path.starts_with(above) && (path.size() == above.size() || path[above.size()] == '/');
}

}  // namespace

Extras::Extras(const Context& context, const repository::Snapshot& snapshot) : context_(context) {
  if (!context.request.delete_extra) return;
  if (snapshot.statistics.problems > snapshot.problems.size())
    throw base::Error(base::ErrorKind::conflict,
                      "the snapshot is partial and does not list all that is missing in it, so "
                      "nothing can be called extra")
        .set_hint("restore without deleting, or choose a snapshot that is whole");
  const std::string root = context.request.directory == "/" ? "" : context.request.directory;
  for (const auto& problem : snapshot.problems)
    problem_paths_.push_back(root + problem.path);
  std::sort(problem_paths_.begin(), problem_paths_.end());
}

bool Extras::unknown_to_snapshot(const std::string& path) const {
  return std::any_of(problem_paths_.begin(), problem_paths_.end(), [&](const auto& problem) {
    return is_at_or_below(problem, path) || is_at_or_below(path, problem);
  });
}

bool Extras::remove(const Directory& directory, const std::string& name) {
  const auto path = directory.path_of(name);
  if (unknown_to_snapshot(path)) {
    context_.report.problem(path, "left alone: the backup could not read it, so it is not extra");
    return false;
  }
  try {
    const auto handle = context_.handles.open(directory);
    const auto status = status_at(handle->get(), name);
    if (status && S_ISDIR(status->st_mode) &&
        !open_directory_of_same_mount(handle->get(), name, path)) {
      context_.report.problem(path, "left alone: something is mounted there");
      return false;
    }
    context_.report.deletes(path);
    if (context_.request.dry_run) return true;
    remove_tree(handle->get(), name, path,
                [&](const std::string&) { ++context_.report.count.deleted; });
    return true;
  } catch (const base::Error& error) {
    note_or_throw(context_.report, path, error);
    return false;
  }
}

}  // namespace holdfast::restore
