#include "base/error.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "repository/elsewhere.hpp"
#include "seen_copy.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

namespace holdfast::cli {

namespace {

class CopiesCommand final : public Command {
public:
  std::string name() const override { return "copies"; }
  std::string summary() const override { return "Show which snapshot is in which copy"; }
  std::string examples() const override {
    return "  holdfast copies                          all copies that holdfast.yaml lists\n"
           "  holdfast copies nas --last 20\n"
           "  holdfast copies --json | jq '.copies[] | {store, state}'\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positionals("STORE", stores_, "names from 'stores' in holdfast.yaml, or URLs",
                          Completes::directories);
    arguments.count("--last", last_, "only the newest N snapshots (default: 10; JSON: all)");
  }

  int run(Session& session) override {
    const auto targets = copy_targets(session, stores_);
    std::vector<SeenCopy> seen;
    seen.reserve(targets.size());
    for (const auto& target : targets)
      seen.push_back(look_at_copy(session, target));
    const auto away = repository::list_marked_packs(session.repository().backend()).away.size();
    session.console().json().field("packs_elsewhere", away);
    write_json(session, seen);
    print_copies(session, seen);
    if (away > 0) {
      session.console().line(fmt::format(
          "{} in one of these only, and no more in the repository (holdfast check says where)",
          counted(away, "pack is", "packs are")));
    }
    print_snapshots(session, seen);
    const bool behind = std::ranges::any_of(seen, [&](const SeenCopy& copy) {
      return is_overdue(session, copy) || (copy.failure && !copy.target.offline);
    });
    return behind ? base::exit_partial : base::exit_done;
  }

private:
  static std::string_view state_of(Session& session, const SeenCopy& copy) {
    if (is_overdue(session, copy)) return "overdue";
    if (copy.failure) return copy.target.offline ? "away" : "failed";
    return copy.plan.up_to_date() ? "up to date" : "behind";
  }

  static void write_json(Session& session, const std::vector<SeenCopy>& seen) {
    auto& console = session.console();
    auto& json = console.json();
    json.key("copies").begin_array();
    for (const auto& copy : seen) {
      json.begin_object().field("store", std::string_view(copy.target.name));
      json.field("url", std::string_view(copy.target.url));
      json.field("offline", copy.target.offline).field("state", state_of(session, copy));
      if (copy.failure) {
        json.key("error").begin_object();
        console.add_failure(*copy.failure);
        json.end_object();
      } else {
        json.field("packs_missing", copy.plan.packs.size());
        json.field("bytes_missing", copy.plan.pack_bytes());
        json.field("snapshots_missing", copy.plan.snapshots.size());
      }
      if (copy.seen) {
        json.field("seen", std::string_view(copy.seen->to_iso()));
        json.field("packs_damaged", copy.verified.damaged_packs);
        json.field("bytes", copy.verified.bytes);
        json.field("bytes_verified_30_days", copy.verified.bytes_30_days);
      }
      json.end_object();
    }
    json.end_array();
    json.key("snapshots").begin_array();
    for (const auto& snapshot : session.snapshots()) {
      json.begin_object().field("id", std::string_view(snapshot.id.hex()));
      json.field("site", std::string_view(snapshot.site));
      json.key("copies").begin_array();
      for (const auto& copy : seen) {
        if (copy.has(snapshot.id)) json.value(std::string_view(copy.target.name));
      }
      json.end_array().end_object();
    }
    json.end_array();
  }

  static std::string lack_of(Session& session, const SeenCopy& copy) {
    if (copy.is_away() && copy.seen) {
      return "seen " + age_text(*copy.seen, session.services().clock().wall_now());
    }
    if (copy.failure) return base::printable(copy.failure->message);
    if (copy.plan.packs.empty()) return "";
    return fmt::format("lacks {}", base::format_byte_count(copy.plan.pack_bytes()));
  }
  /// How much of it was read in the last 30 days.
  static std::string verified_of(const SeenCopy& copy) {
    if (!copy.seen || copy.verified.bytes == 0) return "";
    if (copy.verified.damaged_packs > 0) {
      return counted(copy.verified.damaged_packs, "damaged pack", "damaged packs");
    }
    return fmt::format("{} %", copy.verified.bytes_30_days * 100 / copy.verified.bytes);
  }

  static void print_copies(Session& session, const std::vector<SeenCopy>& seen) {
    using enum Table::Align;
    Table table({left, left, right, right, left});
    table.add({"STORE", "STATE", "SIZE", "READ IN 30 DAYS", ""});
    for (const auto& copy : seen) {
      table.add({base::printable(copy.target.name), std::string(state_of(session, copy)),
                 copy.seen ? base::format_byte_count(copy.verified.bytes) : "", verified_of(copy),
                 lack_of(session, copy)});
    }
    for (const auto& line : table.lines())
      session.console().line(line);
  }

  void print_snapshots(Session& session, const std::vector<SeenCopy>& seen) const {
    auto& console = session.console();
    const auto& snapshots = session.snapshots();
    const std::size_t shown = std::min<std::size_t>(last_.value_or(10), snapshots.size());
    if (shown == 0) return;
    std::vector<Table::Align> columns(3 + seen.size(), Table::Align::left);
    Table table(columns);
    std::vector<std::string> head{"SNAPSHOT", "TIME", "SITE"};
    for (const auto& copy : seen)
      head.push_back(base::printable(copy.target.name));
    table.add(head);
    for (auto i = snapshots.size() - shown; i < snapshots.size(); ++i) {
      const auto& snapshot = snapshots[i];
      std::vector<std::string> row{snapshot.id.short_hex(), local_time(snapshot.started),
                                   base::printable(snapshot.site)};
      for (const auto& copy : seen)
        row.push_back(!copy.seen ? "?" : copy.has(snapshot.id) ? "yes" : "no");
      table.add(row);
    }
    console.line("");
    for (const auto& line : table.lines())
      console.line(line);
  }

  std::vector<std::string> stores_;
  std::optional<std::uint32_t> last_;
};

}  // namespace

std::unique_ptr<Command> make_copies_command() { return std::make_unique<CopiesCommand>(); }

}  // namespace holdfast::cli
