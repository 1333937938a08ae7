#include "prune_run.hpp"

#include "base/error.hpp"
#include "base/retry.hpp"
#include "base/units.hpp"
#include "confirm.hpp"
#include "price_list.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace holdfast::cli {

namespace {

using repository::PrunePack;
using repository::PrunePlan;
using repository::PruneReport;

std::string_view kind_name(pipeline::PackKind kind) {
  switch (kind) {
    case pipeline::PackKind::data:
      return "data";
    case pipeline::PackKind::tree:
      return "tree";
    case pipeline::PackKind::stream:
      return "stream";
  }
  return "unknown";
}

void write_packs(JsonWriter& json, std::string_view name, const std::vector<PrunePack>& packs) {
  json.key(name).begin_array();
  for (const auto& pack : packs) {
    json.begin_object().field("pack", std::string_view(pack.id.hex()));
    json.field("kind", kind_name(pack.kind)).field("size", pack.size);
    json.field("live_bytes", pack.live_bytes).field("reason", repository::name_of(pack.reason));
    json.end_object();
  }
  json.end_array();
}

void write_texts(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
  json.key(name).begin_array();
  for (const auto& text : texts)
    json.value(std::string_view(text));
  json.end_array();
}

void write_held(JsonWriter& json, const repository::HeldBytes& held) {
  json.key("locked").begin_object();
  json.field("objects", held.objects).field("bytes", held.bytes);
  for (const auto& [name, time] : {std::pair("first", held.first), std::pair("last", held.last)}) {
    json.key(name);
    if (time) {
      json.value(std::string_view(time->to_iso()));
    } else {
      json.null();
    }
  }
  json.end_object();
}

void write_plan(JsonWriter& json, const PrunePlan& plan) {
  json.field("snapshots", plan.snapshots).field("packs", plan.packs).field("bytes", plan.bytes);
  json.field("bytes_live", plan.bytes_live).field("bytes_freed", plan.bytes_freed());
  json.field("pages_read", plan.pages_read);
  write_texts(json, "notes", plan.notes);
  write_texts(json, "waiting", plan.waiting);
  json.field("packs_frozen", plan.packs_frozen).field("bytes_frozen", plan.bytes_frozen);
  json.field("packs_postponed", plan.packs_postponed);
  json.field("packs_away", plan.packs_away).field("bytes_away", plan.bytes_away);
  json.field("packs_kept_for_others", plan.packs_kept);
  write_packs(json, "deleted", plan.deleted);
  write_packs(json, "repacked", plan.repacked);
  write_held(json, plan.held);
}

void write_report(JsonWriter& json, const PruneReport& report) {
  json.field("packs_deleted", report.packs_deleted).field("bytes_deleted", report.bytes_deleted);
  json.field("packs_released", report.packs_released);
  json.field("packs_repacked", report.packs_repacked).field("bytes_written", report.bytes_written);
  json.field("packs_marked", report.packs_marked).field("packs_kept", report.packs_kept);
  json.field("snapshots_completed", report.snapshots_completed);
  json.field("finished", report.finished()).field("bytes_released", report.bytes_released);
  write_held(json, report.held);
}

/// One line for each reason.
void add_rows(Table& table, std::string_view action, const std::vector<PrunePack>& packs) {
  struct Sum {
    std::uint64_t packs = 0;
    std::uint64_t bytes = 0;
    std::uint64_t live = 0;
  };
  std::map<repository::PruneReason, Sum> sums;
  for (const auto& pack : packs) {
    auto& sum = sums[pack.reason];
    ++sum.packs;
    sum.bytes += pack.size;
    sum.live += pack.live_bytes;
  }
  for (const auto& [reason, sum] : sums) {
    table.add({std::string(action), with_thousands(sum.packs), base::format_byte_count(sum.bytes),
               base::format_byte_count(sum.live), std::string(repository::name_of(reason))});
  }
}

/// What the store locked is out of the way of everybody, and still paid for.
void print_held(Console& console, const repository::HeldBytes& held) {
  if (held.objects == 0) return;
  const auto until = *held.first == *held.last
                         ? held.last->to_iso()
                         : fmt::format("{} to {}", held.first->to_iso(), held.last->to_iso());
  console.line(fmt::format("{} with {} removed and locked until {}: a prune after that frees them",
                           counted(held.objects, "object", "objects"),
                           base::format_byte_count(held.bytes), until));
}

void print_plan(Console& console, const PrunePlan& plan) {
  console.line(
      fmt::format("{} need {} of {} in {}", counted(plan.snapshots, "snapshot", "snapshots"),
                  base::format_byte_count(plan.bytes_live), base::format_byte_count(plan.bytes),
                  counted(plan.packs, "pack", "packs")));
  for (const auto& note : plan.notes)
    console.line(note);
  if (plan.packs_frozen > 0) {
    console.line(fmt::format(
        "{} in archive classes stay until nothing of them is needed: {} of "
        "them is not",
        counted(plan.packs_frozen, "pack", "packs"), base::format_byte_count(plan.bytes_frozen)));
  }
  if (plan.packs_postponed > 0) {
    console.line(fmt::format("{} are written anew when the minimum time of their class is over",
                             counted(plan.packs_postponed, "pack", "packs")));
  }
  if (plan.packs_away > 0) {
    console.line(fmt::format("{} of {} are in another store instead, and stay there",
                             counted(plan.packs_away, "pack", "packs"),
                             base::format_byte_count(plan.bytes_away)));
  }
  if (plan.packs_kept > 0) {
    console.line(
        fmt::format("{} stay because another store of this repository gave them up: prune "
                    "there, then: holdfast copy --prune",
                    counted(plan.packs_kept, "pack", "packs")));
  }
  if (plan.empty()) {
    console.line("there is nothing to delete");
    print_held(console, plan.held);
    return;
  }
  using enum Table::Align;
  Table table({left, right, right, right, left});
  table.add({"", "PACKS", "SIZE", "IN USE", "WHY"});
  add_rows(table, "delete", plan.deleted);
  add_rows(table, "repack", plan.repacked);
  for (const auto& line : table.lines())
    console.line(line);
  console.line(fmt::format("frees {}", base::format_byte_count(plan.bytes_freed())));
  print_held(console, plan.held);
}

void print_report(Console& console, const PruneReport& report) {
  console.line(fmt::format(
      "{} deleted, {} written anew, {} freed", counted(report.packs_deleted, "pack", "packs"),
      with_thousands(report.packs_repacked),
      base::format_byte_count(report.bytes_deleted -
                              std::min(report.bytes_deleted, report.bytes_written))));
  if (report.bytes_released > 0) {
    console.line(fmt::format("{} freed of what was locked before",
                             base::format_byte_count(report.bytes_released)));
  }
  if (report.packs_released > 0) {
    console.line(
        fmt::format("{} that another store kept for this one: holdfast copy --prune frees "
                    "them there",
                    counted(report.packs_released, "pack", "packs")));
  }
  print_held(console, report.held);
  if (report.snapshots_completed > 0) {
    console.line(fmt::format("{} of runs that died at their very end",
                             counted(report.snapshots_completed, "snapshot", "snapshots")));
  }
  if (report.finished()) return;
  console.line(fmt::format("{} marked: the next prune deletes them",
                           counted(report.packs_marked, "pack", "packs")));
  for (const auto& lease : report.waiting)
    console.line(fmt::format("  {} may still need them", lease));
}

/// What goes before its time is paid for all the same.
void tell_early_cost(Console& console, const MinimumTimes& times, const PrunePlan& plan) {
  const auto cost = times.of(plan.deleted);
  auto& json = console.json();
  json.key("early").begin_object().field("packs", cost.packs).field("bytes", cost.bytes);
  json.field("currency", std::string_view(times.currency())).key("price");
  if (cost.price) {
    json.value(*cost.price);
  } else {
    json.null();
  }
  json.end_object();
  if (cost.packs == 0) return;
  console.line(
      fmt::format("{} of {} go before the minimum time of their class: that costs {}, as "
                  "keeping them would",
                  counted(cost.packs, "pack", "packs"), base::format_byte_count(cost.bytes),
                  price_text(cost.price, times.currency())));
}

}  // namespace

void PruneRun::declare(Arguments& arguments) {
  arguments.group("Freeing space");
  arguments.size("--max-repack", repack_bytes_max_, "write anew at most so much");
  arguments.count("--repack-below", repack_below_,
                  "packs of which less than so many percent are in use (default: 60)");
  arguments.flag("--wait", wait_, "wait for runs that may need what is deleted");
  arguments.count("--grace", grace_, "seconds by which listings of the store may lag (default: 0)");
  arguments.group("");
}

repository::PruneOptions PruneRun::options(Session& session) const {
  repository::PruneOptions options;
  if (repack_bytes_max_) options.repack_bytes_max = *repack_bytes_max_;
  if (repack_below_) options.repack_below_percent = std::min(*repack_below_, 100U);
  options.grace_seconds = grace_.value_or(0);
  options.wait = wait_;
  options.reencrypt = reencrypt_;
  options.sleep = [sleeper = base::make_sleeper(session.stopping())](std::int64_t seconds) {
    sleeper(static_cast<double>(seconds));
  };
  return options;
}

int PruneRun::run(Session& session, bool dry_run, bool yes) {
  auto chosen = options(session);
  auto& repository = session.repository();
  const MinimumTimes times(repository.backend(), session.settings_of(session.location()).tiers,
                           session.services().clock().wall_now());
  if (!reencrypt_) chosen.not_rewritten = times.unserved();
  auto& console = session.console();
  const auto plan =
      repository::plan_prune(repository, chosen, session.progress(), session.stopping());
  write_plan(console.json(), plan);
  print_plan(console, plan);
  tell_early_cost(console, times, plan);
  if (dry_run) return base::exit_done;
  const bool unusual = plan.bytes_freed() > plan.bytes / 2;
  if (unusual && !yes &&
      !confirm(fmt::format("That is most of what is stored ({} of {}). Go on?",
                           base::format_byte_count(plan.bytes_freed()),
                           base::format_byte_count(plan.bytes)),
               session.stopping())) {
    console.line("nothing was deleted");
    return base::exit_done;
  }
  const auto report =
      repository::apply_prune(repository, plan, chosen, session.progress(), session.stopping());
  write_report(console.json(), report);
  print_report(console, report);
  return base::exit_done;
}

}  // namespace holdfast::cli
