#include "backup_report.hpp"

#include "base/units.hpp"
#include "json_values.hpp"
#include "text.hpp"

#include <fmt/format.h>

namespace holdfast::cli {

namespace {

constexpr std::size_t problems_shown = 20;

void print_problems(Console& console, const repository::Snapshot& snapshot) {
  const auto count = snapshot.statistics.problems;
  if (count == 0) return;
  console.line(console.red(
      fmt::format("  partial: {} could not be taken", counted(count, "item", "items"))));
  std::size_t shown = 0;
  for (const auto& problem : snapshot.problems) {
    if (shown++ == problems_shown) break;
    console.line(
        fmt::format("    {}: {}", base::printable(problem.path), base::printable(problem.message)));
  }
  if (count > shown) {
    console.line(
        fmt::format("    and {} more: --json lists them",
                    with_thousands(count - std::min<std::uint64_t>(count, problems_shown))));
  }
}

}  // namespace

void report_backup(Console& console, const backup::BackupResult& result, bool dry_run) {
  const auto& snapshot = result.snapshot;
  const auto& statistics = snapshot.statistics;
  auto& json = console.json();
  json.begin_object().raw_field("site", snapshot.site);
  json.key("snapshot");
  write_snapshot(json, snapshot);
  json.field("packs_resumed", result.packs_resumed);
  write_problems(json, snapshot.problems);
  json.end_object();

  const auto what = dry_run ? std::string("dry run, nothing was stored")
                            : fmt::format("snapshot {}", console.bold(snapshot.id.short_hex()));
  console.line(fmt::format(
      "{}: {}, {}, {}", base::printable(snapshot.site), what, repository::name_of(snapshot.kind),
      base::format_duration(static_cast<double>(statistics.milliseconds) / 1e3)));
  console.line(fmt::format("  {} ({} new or changed) in {}, {}",
                           counted(statistics.files, "file", "files"),
                           with_thousands(statistics.files_new),
                           counted(statistics.directories, "directory", "directories"),
                           base::format_byte_count(statistics.bytes)));
  console.line(fmt::format("  read {}, new {}, stored {}",
                           base::format_byte_count(statistics.bytes_read),
                           base::format_byte_count(statistics.bytes_new),
                           base::format_byte_count(statistics.bytes_stored)));
  if (result.packs_resumed > 0) {
    console.line(fmt::format("  went on from {} of an interrupted run",
                             counted(result.packs_resumed, "pack", "packs")));
  }
  print_problems(console, snapshot);
}

}  // namespace holdfast::cli
