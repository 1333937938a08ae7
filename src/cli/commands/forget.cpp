#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "confirm.hpp"
#include "forget_plan.hpp"
#include "prune_run.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* space_note = "The space of removed snapshots is freed by: holdfast prune";
/// So many at once, and nine tenths of all, is more often a mistake than a wish.
constexpr std::size_t unusual_count_min = 10;

class ForgetCommand final : public Command {
public:
  std::string name() const override { return "forget"; }
  std::string summary() const override { return "Remove snapshots, by rules or by name"; }
  std::string examples() const override {
    return "  holdfast forget --dry-run                by the 'keep' rules of holdfast.yaml\n"
           "  holdfast forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12\n"
           "  holdfast forget --site blog --keep-full '3 months' --keep-incremental 30d\n"
           "  holdfast forget 3f9a12bc --prune         this one, and free its space\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positionals("SNAPSHOT", named_, "remove exactly these", Completes::snapshots);
    arguments.flag("-n,--dry-run", dry_run_, "show what would go and what stays, and why");
    arguments.option("-s,--site", "NAME", site_, "only this site", Completes::sites);
    arguments.flag("--allow-empty", allow_empty_, "a site may lose its last snapshot");
    arguments.flag("--prune", prune_, "free the space right after, as 'prune' does");
    arguments.flag("-y,--yes", yes_, "do not ask, even when most of everything goes");
    arguments.group("Keep the newest of");
    arguments.count("--keep-last", last_, "the last N snapshots");
    arguments.count("--keep-hourly", hourly_, "each of the last N hours that have one");
    arguments.count("--keep-daily", daily_, "... days");
    arguments.count("--keep-weekly", weekly_, "... weeks, from Monday");
    arguments.count("--keep-monthly", monthly_, "... months");
    arguments.count("--keep-yearly", yearly_, "... years");
    arguments.group("Keep all");
    arguments.duration("--keep-within", rules_.within, "of this time before the newest");
    arguments.duration("--keep-full", rules_.full, "full ones of this time");
    arguments.duration("--keep-incremental", rules_.incremental, "incremental ones of this time");
    arguments.duration("--keep-realtime", rules_.realtime, "realtime ones of this time");
    arguments.duration("--keep-safety", rules_.safety,
                       "ones taken before a restore (default: 7 days)");
    arguments.option("--keep-tag", "TAG", rules_.tags, "with this tag; repeatable");
    arguments.group("");
    prune_run_.declare(arguments);
  }

  int run(Session& session) override {
    take_counts();
    static_cast<void>(session.snapshots_with_holds());
    const auto rows = named_.empty() ? by_rules(session) : by_name(session);
    refuse_to_empty(rows);
    report(session.console(), rows);
    std::vector<base::SnapshotId> ids;
    for (const auto& row : rows) {
      if (!row.keep()) ids.push_back(row.snapshot->id);
    }
    if (!dry_run_ && !ids.empty()) {
      base::check_cancelled(session.stopping());
      if (is_unusual(ids.size(), rows.size()) &&
          !confirm(fmt::format("Remove {} of {} snapshots?", ids.size(), rows.size()),
                   session.stopping())) {
        session.console().line("nothing was removed");
        return base::exit_done;
      }
      session.repository().snapshots().forget(ids, session.services().clock().wall_now(),
                                              named_.empty() ? "keep rules" : "named by hand");
    }
    if (prune_ && !dry_run_) prune_run_.run(session, false, yes_);
    return session.saw_damage() ? base::exit_partial : base::exit_done;
  }

private:
  bool is_unusual(std::size_t removed, std::size_t all) const {
    return !yes_ && removed >= unusual_count_min && removed * 10 >= all * 9;
  }

  void take_counts() {
    rules_.last = last_.value_or(0);
    rules_.hourly = hourly_.value_or(0);
    rules_.daily = daily_.value_or(0);
    rules_.weekly = weekly_.value_or(0);
    rules_.monthly = monthly_.value_or(0);
    rules_.yearly = yearly_.value_or(0);
  }

  std::vector<ForgetRow> by_name(Session& session) const {
    if (!rules_.empty() || site_) {
      throw Error(ErrorKind::invalid_input, "name snapshots or give rules, not both");
    }
    std::vector<const repository::Snapshot*> chosen;
    chosen.reserve(named_.size());
    for (const auto& text : named_)
      chosen.push_back(&session.snapshot(text));
    return plan_by_choice(session.snapshots(), chosen, session.services().clock().wall_now());
  }

  std::vector<ForgetRow> by_rules(Session& session) const {
    const config::Config* config = rules_.empty() ? session.config() : nullptr;
    const auto of_site = [&](const std::string& name) -> const policy::KeepRules* {
      if (site_ && *site_ != name) return nullptr;
      if (!rules_.empty()) return &rules_;
      const auto* site = config == nullptr ? nullptr : config->find_site(name);
      return site == nullptr || site->keep.empty() ? nullptr : &site->keep;
    };
    const auto& snapshots = session.snapshots();
    if (site_ &&
        std::ranges::find(snapshots, *site_, &repository::Snapshot::site) == snapshots.end()) {
      throw Error(ErrorKind::not_found,
                  fmt::format("there is no snapshot of site {}", base::printable(*site_)));
    }
    const bool any = std::ranges::any_of(
        snapshots, [&](const auto& snapshot) { return of_site(snapshot.site) != nullptr; });
    if (!any && rules_.empty()) {
      throw Error(ErrorKind::invalid_input, "nothing says what to keep")
          .set_hint(
              "give rules such as --keep-daily 7, or write 'keep:' below the site in "
              "holdfast.yaml");
    }
    return plan_by_rules(snapshots, of_site, session.services().clock().wall_now(), utc_offset);
  }

  void refuse_to_empty(const std::vector<ForgetRow>& rows) const {
    if (allow_empty_) return;
    for (const auto& site : emptied_sites(rows)) {
      throw Error(ErrorKind::invalid_input,
                  fmt::format("site {} would have no snapshot left", base::printable(site)))
          .set_hint("say --allow-empty if that is what you want");
    }
  }

  static void write_row(JsonWriter& json, const ForgetRow& row) {
    const auto& snapshot = *row.snapshot;
    json.begin_object().field("id", std::string_view(snapshot.id.hex()));
    json.raw_field("site", snapshot.site).field("kind", repository::name_of(snapshot.kind));
    json.field("time", std::string_view(snapshot.started.to_iso(base::WallTime::Precision::exact)));
    json.key("reasons").begin_array();
    for (const auto& reason : row.reasons)
      json.value(std::string_view(reason));
    json.end_array().end_object();
  }

  void report(Console& console, const std::vector<ForgetRow>& rows) const {
    auto& json = console.json();
    json.field("dry_run", dry_run_).field("space_freed", prune_ && !dry_run_);
    for (const bool keep : {true, false}) {
      json.key(keep ? "kept" : "removed").begin_array();
      for (const auto& row : rows) {
        if (row.keep() == keep) write_row(json, row);
      }
      json.end_array();
    }
    print(console, rows);
  }

  void print(Console& console, const std::vector<ForgetRow>& rows) const {
    using enum Table::Align;
    Table table({left, left, left, left, left, left});
    table.add({"", "ID", "TIME", "SITE", "KIND", "WHY"});
    std::size_t removed = 0;
    for (const auto& row : rows) {
      // Of snapshots named by hand only those are of interest.
      if (!named_.empty() && row.keep()) continue;
      removed += row.keep() ? 0 : 1;
      table.add({row.keep() ? "keep" : "remove", row.snapshot->id.short_hex(),
                 local_time(row.snapshot->started), base::printable(row.snapshot->site),
                 std::string(repository::name_of(row.snapshot->kind)),
                 base::printable(fmt::format("{}", fmt::join(row.reasons, ", ")))});
    }
    for (const auto& line : table.lines())
      console.line(line);
    console.line(fmt::format("{} {}, {} kept", counted(removed, "snapshot", "snapshots"),
                             dry_run_ ? "would be removed" : "removed",
                             with_thousands(rows.size() - removed_count(rows))));
    if (removed > 0 && !dry_run_ && !prune_) console.line(space_note);
  }

  static std::size_t removed_count(const std::vector<ForgetRow>& rows) {
    return static_cast<std::size_t>(
        std::ranges::count_if(rows, [](const ForgetRow& row) { return !row.keep(); }));
  }

  std::vector<std::string> named_;
  std::optional<std::string> site_;
  std::optional<std::uint32_t> last_, hourly_, daily_, weekly_, monthly_, yearly_;
  policy::KeepRules rules_;
  bool dry_run_ = false;
  bool allow_empty_ = false;
  bool prune_ = false;
  bool yes_ = false;
  PruneRun prune_run_;
};

}  // namespace

std::unique_ptr<Command> make_forget_command() { return std::make_unique<ForgetCommand>(); }

}  // namespace holdfast::cli
