#include "source_plan.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>

namespace holdfast::cli {

namespace {

/// The real path of `path`, symlinks resolved. Errors: as realpath(3).
std::string real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (!real) throw base::system_error(errno, fmt::format("resolving {}", base::printable(path)));
  return real.get();
}

std::string without_dots(const std::string& path) {
  std::string result;
  for (std::size_t begin = 0; begin < path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    if (part == "..") {
      // Through a symlink "a/.." is not the folder that holds a.
      result = real_path(result.empty() ? "/" : result);
      result = result.substr(0, result.rfind('/'));
    } else if (!part.empty() && part != ".") {
      result += "/" + part;
    }
    begin = end + 1;
  }
  return result.empty() ? "/" : result;
}

}  // namespace

std::string absolute_path(const std::string& path, const std::string& working_directory) {
  if (path.empty()) throw base::Error(base::ErrorKind::invalid_input, "a path must not be empty");
  return without_dots(path.starts_with('/') ? path : working_directory + "/" + path);
}

bool is_beneath(const std::string& path, const std::string& directory) {
  if (directory == "/") return path.starts_with('/');
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

PlannedSource planned_tree(repository::ItemKind item, std::string path) {
  PlannedSource source;
  source.item = item;
  source.path = std::move(path);
  return source;
}

PlannedSource planned_sqlite(std::string path) {
  auto source = planned_tree(repository::ItemKind::database, std::move(path));
  source.kind = PlannedSource::Kind::sqlite;
  return source;
}

SourcePlan plan_of(const config::Site& site, const std::string& config_path) {
  SourcePlan plan;
  plan.site = site.name;
  plan.tags = site.tags;
  plan.exclude = site.exclude;
  plan.one_file_system = site.one_file_system;
  plan.skip_caches = site.skip_caches;
  plan.file_size_max = site.file_size_max;
  for (const auto& database : site.databases) {
    if (database.engine == config::DatabaseEngine::sqlite) {
      plan.sources.push_back(planned_sqlite(database.path));
      continue;
    }
    throw base::Error(base::ErrorKind::unsupported,
                      fmt::format("{}:{}:{}: {} databases cannot be backed up by this version",
                                  base::printable(config_path), database.place.line,
                                  database.place.column, config::name_of(database.engine)))
        .set_hint(fmt::format(
            "remove it from site {}, or take a dump: holdfast backup --site {} --command dump.sql "
            "-- pg_dump ...",
            site.name, site.name));
  }
  for (const auto& path : site.files) {
    plan.sources.push_back(planned_tree(repository::ItemKind::files, path));
  }
  for (const auto& path : site.config) {
    plan.sources.push_back(planned_tree(repository::ItemKind::config, path));
  }
  return plan;
}

std::vector<std::string> separate(SourcePlan& plan, const std::vector<std::string>& own) {
  std::set<std::string> seen;
  std::erase_if(plan.sources, [&](const PlannedSource& source) {
    return source.kind != PlannedSource::Kind::path_list && !seen.insert(source.path).second;
  });
  std::set<std::string> left_out;
  std::vector<std::string> own_inside;
  for (const auto& tree : plan.sources) {
    if (tree.kind != PlannedSource::Kind::tree) continue;
    for (const auto& other : plan.sources) {
      const bool on_disk =
          other.kind == PlannedSource::Kind::tree || other.kind == PlannedSource::Kind::sqlite;
      if (on_disk && other.path != tree.path && is_beneath(other.path, tree.path)) {
        left_out.insert(other.path);
      }
    }
    for (const auto& path : own) {
      if (is_beneath(path, tree.path) && left_out.insert(path).second) own_inside.push_back(path);
    }
  }
  plan.exclude_paths.insert(plan.exclude_paths.end(), left_out.begin(), left_out.end());
  return own_inside;
}

std::vector<std::string> split_paths(std::string_view text, Separator separator) {
  const char mark = separator == Separator::zero ? '\0' : '\n';
  std::vector<std::string> paths;
  while (!text.empty()) {
    const auto end = std::min(text.find(mark), text.size());
    if (end > 0) paths.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return paths;
}

}  // namespace holdfast::cli
