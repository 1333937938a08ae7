#include "copy_report.hpp"

#include "base/error_kinds.hpp"
#include "base/units.hpp"
#include "text.hpp"

#include <fmt/format.h>

namespace holdfast::cli {

namespace {

void write_ids(JsonWriter& json, std::string_view name, const std::vector<base::SnapshotId>& ids) {
  json.key(name).begin_array();
  for (const auto& id : ids)
    json.value(std::string_view(id.hex()));
  json.end_array();
}

void report_plan(Console& console, const std::string& store, const copies::CopyPlan& plan) {
  auto& json = console.json();
  json.field("up_to_date", plan.up_to_date()).field("new", plan.is_new);
  json.field("packs", plan.packs.size()).field("bytes", plan.pack_bytes());
  json.field("objects", plan.objects.size() + plan.records.size());
  json.field("broken_packs", plan.broken_packs.size());
  json.field("packs_elsewhere", plan.away.size());
  json.field("superfluous_packs", plan.superfluous.size());
  json.field("removed_keys", plan.removed_slots.size());
  write_ids(json, "snapshots", plan.snapshots);
  write_ids(json, "forgotten", plan.forgotten);
  write_ids(json, "only_there", plan.only_there);
  if (plan.up_to_date()) {
    console.line(fmt::format("{}: {}", store, console.green("up to date")));
  } else {
    console.line(fmt::format(
        "{}: lacks {} in {} of {}", store, counted(plan.snapshots.size(), "snapshot", "snapshots"),
        counted(plan.packs.size(), "pack", "packs"), base::format_byte_count(plan.pack_bytes())));
  }
  if (!plan.away.empty()) {
    console.line(fmt::format("{}: lacks {} that are in another store instead of the repository",
                             store, counted(plan.away.size(), "pack", "packs")));
  }
  if (!plan.only_there.empty()) {
    console.line(fmt::format("{}: has {} that the repository lost: holdfast repair --from", store,
                             counted(plan.only_there.size(), "snapshot", "snapshots")));
  }
  if (!plan.removed_slots.empty()) {
    console.line(fmt::format("{}: still opens with {} removed here: holdfast copy --remove-keys",
                             store, counted(plan.removed_slots.size(), "key", "keys")));
  }
}

int report_done(Console& console, const std::string& store, const copies::CopyReport& report) {
  auto& json = console.json();
  json.field("packs_sent", report.packs_sent).field("bytes_sent", report.bytes_sent);
  json.field("packs_mended", report.packs_mended).field("objects_sent", report.objects_sent);
  json.field("snapshots_removed", report.snapshots_removed);
  json.field("keys_removed", report.slots_removed);
  write_ids(json, "snapshots_sent", report.snapshots_sent);
  json.key("problems").begin_array();
  for (const auto& problem : report.problems) {
    json.begin_object().field("object", std::string_view(problem.object));
    json.field("message", std::string_view(problem.message)).end_object();
  }
  json.end_array();
  console.line(fmt::format("{}: {} sent ({} in {})", store,
                           counted(report.snapshots_sent.size(), "snapshot", "snapshots"),
                           base::format_byte_count(report.bytes_sent),
                           counted(report.packs_sent, "pack", "packs")));
  if (report.packs_mended > 0) {
    console.line(
        fmt::format("{}: {} mended on the way; the repository itself needs: holdfast "
                    "repair",
                    store, counted(report.packs_mended, "pack", "packs")));
  }
  for (const auto& problem : report.problems) {
    console.warn(fmt::format("{}: {} {}", store, base::printable(problem.object), problem.message));
  }
  return report.problems.empty() ? base::exit_done : base::exit_partial;
}

void report_collected(Console& console, const std::string& store,
                      const copies::CollectReport& report) {
  auto& json = console.json();
  json.field("packs_deleted", report.packs_deleted).field("bytes_deleted", report.bytes_deleted);
  json.field("packs_kept", report.packs_kept);
  console.line(fmt::format("{}: {} deleted, {} freed", store,
                           counted(report.packs_deleted, "pack", "packs"),
                           base::format_byte_count(report.bytes_deleted)));
  for (const auto& lease : report.waiting)
    console.line(fmt::format("{}: the rest waits for {}", store, lease));
}

}  // namespace

int report_copy(Console& console, const CopyResult& result) {
  auto& json = console.json();
  json.begin_object().field("store", std::string_view(result.store));
  int exit_code = base::exit_done;
  if (result.failure) {
    console.warn(
        fmt::format("{} was not brought up to date: {}", result.store, result.failure->message));
    json.key("error").begin_object();
    console.add_failure(*result.failure);
    json.end_object();
    exit_code = result.failure->exit_code;
  } else if (result.plan) {
    report_plan(console, result.store, *result.plan);
  } else if (result.report) {
    exit_code = report_done(console, result.store, *result.report);
    if (result.collected) report_collected(console, result.store, *result.collected);
  }
  json.end_object();
  return exit_code;
}

}  // namespace holdfast::cli
