#include "restore_report.hpp"

#include "base/units.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::cli {

namespace {

constexpr std::size_t problems_shown = 20;

void write_paths(JsonWriter& json, const char* name, const std::vector<std::string>& paths) {
  json.key(name).begin_array();
  for (const auto& path : paths)
    json.begin_object().raw_field("path", path).end_object();
  json.end_array();
}

void write_json(JsonWriter& json, const restore::RestoreReport& report) {
  const auto& plan = report.plan;
  json.key("plan").begin_object();
  json.field("files", plan.files).field("directories", plan.directories);
  json.field("other", plan.other).field("bytes", plan.bytes);
  json.field("bytes_to_write", plan.bytes_to_write).field("bytes_to_fetch", plan.bytes_to_fetch);
  json.field("packs", plan.packs);
  write_paths(json, "to_change", plan.to_change);
  write_paths(json, "to_delete", plan.to_delete);
  json.end_object();
  json.field("files_written", report.files_written)
      .field("files_unchanged", report.files_unchanged);
  json.field("bytes_written", report.bytes_written).field("bytes_verified", report.bytes_verified);
  json.field("deleted", report.deleted).key("problems").begin_array();
  for (const auto& problem : report.problems) {
    json.begin_object().raw_field("path", problem.path);
    json.field("message", std::string_view(problem.message)).end_object();
  }
  json.end_array();
}

void print_plan(Console& console, const restore::RestorePlan& plan) {
  console.line(fmt::format(
      "would restore {} and {}, {}; {} to write, {} to fetch", counted(plan.files, "file", "files"),
      counted(plan.directories, "directory", "directories"), base::format_byte_count(plan.bytes),
      base::format_byte_count(plan.bytes_to_write), base::format_byte_count(plan.bytes_to_fetch)));
  for (const auto& path : plan.to_change)
    console.line("  change " + base::printable(path));
  for (const auto& path : plan.to_delete)
    console.line("  delete " + base::printable(path));
}

void print_result(Console& console, const restore::RestoreReport& report) {
  console.line(fmt::format(
      "  {} written, {} unchanged, {}{}", counted(report.files_written, "file", "files"),
      with_thousands(report.files_unchanged), base::format_byte_count(report.bytes_written),
      report.deleted == 0
          ? ""
          : fmt::format(", {} deleted", counted(report.deleted, "extra", "extras"))));
  if (report.bytes_verified > 0) {
    console.line(
        fmt::format("  {} read back and verified", base::format_byte_count(report.bytes_verified)));
  }
}

void print_problems(Console& console, const restore::RestoreReport& report) {
  if (report.problems.empty()) return;
  console.line(console.red(
      fmt::format("  partial: {}", counted(report.problems.size(), "problem", "problems"))));
  for (std::size_t i = 0; i < std::min(report.problems.size(), problems_shown); ++i) {
    const auto& problem = report.problems[i];
    console.line(
        fmt::format("    {}: {}", base::printable(problem.path), base::printable(problem.message)));
  }
  if (report.problems.size() > problems_shown) {
    console.line(
        fmt::format("    and {} more: --json lists them", report.problems.size() - problems_shown));
  }
}

}  // namespace

void report_restore(Console& console, const repository::Snapshot& snapshot,
                    const restore::RestoreRequest& request, const restore::RestoreReport& report) {
  write_json(console.json(), report);
  if (request.dry_run) {
    print_plan(console, report.plan);
  } else {
    const bool in_place = request.layout == restore::Layout::in_place;
    console.line(fmt::format("{} of {} restored {}", console.bold(snapshot.id.short_hex()),
                             base::printable(snapshot.site),
                             in_place ? "in place" : "to " + base::printable(request.directory)));
    print_result(console, report);
  }
  print_problems(console, report);
}

}  // namespace holdfast::cli
