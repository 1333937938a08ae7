#include "base/error.hpp"
#include "base/fd.hpp"
#include "chart.hpp"
#include "doctor/examination.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sys/stat.h>

namespace holdfast::doctor {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::string_view sqlite_magic = "SQLite format 3";

void try_tree(const std::string& path, Chart& chart) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) throw base::system_error(errno, "looking at " + path);
  const bool is_directory = S_ISDIR(status.st_mode);
  if (::faccessat(AT_FDCWD, path.c_str(), is_directory ? R_OK | X_OK : R_OK, AT_EACCESS) != 0) {
    throw base::system_error(errno, "reading " + path)
        .set_hint("run as a user who may read it: unreadable files make every point partial");
  }
  chart.good("files", path);
}

void try_sqlite(const std::string& path, Chart& chart) {
  const auto file = base::open_file(path, O_RDONLY);
  std::array<std::byte, sqlite_magic.size()> magic{};
  const auto size = base::read_at(file.get(), 0, magic, path);
  const bool is_empty = size == 0;  // a database that nothing was written to yet
  if (!is_empty && base::as_text(magic) != sqlite_magic) {
    throw Error(ErrorKind::source_failed, path + " is no SQLite database")
        .set_hint("check the path, or list it under 'files' of the site");
  }
  chart.good("sqlite", path);
}

}  // namespace

std::vector<Finding> examine_sources(const std::vector<Taken>& taken,
                                     const Surroundings& surroundings) {
  Chart chart({}, surroundings);
  for (const auto& each : taken) {
    const bool is_tree = each.kind == Taken::Kind::tree;
    try {
      is_tree ? try_tree(each.path, chart) : try_sqlite(each.path, chart);
    } catch (const Error& error) {
      chart.failed(is_tree ? "files" : "sqlite", error);
    }
  }
  return chart.take();
}

}  // namespace holdfast::doctor
