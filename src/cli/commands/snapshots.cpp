#include "base/units.hpp"
#include "commands.hpp"
#include "json_values.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace holdfast::cli {

namespace {

class SnapshotsCommand final : public Command {
public:
  std::string name() const override { return "snapshots"; }
  bool only_reads() const override { return true; }
  std::string summary() const override { return "List the points that can be restored"; }
  std::string examples() const override {
    return "  holdfast snapshots\n"
           "  holdfast snapshots blog                  one site\n"
           "  holdfast snapshots --tag nightly --last 5\n"
           "  holdfast snapshots --json | jq -r '.snapshots[-1].id'\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positionals("SITE", sites_, "only these sites", Completes::sites);
    arguments.option("-t,--tag", "TAG", tags_, "only with one of these tags; repeatable");
    arguments.count("--last", last_, "only the newest N");
  }

  int run(Session& session) override {
    std::vector<const repository::Snapshot*> chosen;
    for (const auto& snapshot : session.snapshots_with_holds()) {
      if (is_wanted(snapshot)) chosen.push_back(&snapshot);
    }
    if (last_ && chosen.size() > *last_) {
      chosen.erase(chosen.begin(), chosen.end() - static_cast<std::ptrdiff_t>(*last_));
    }
    auto& json = session.console().json();
    json.key("snapshots").begin_array();
    for (const auto* snapshot : chosen)
      write_snapshot(json, *snapshot);
    json.end_array();
    print(session, chosen);
    return session.saw_damage() ? base::exit_partial : base::exit_done;
  }

private:
  bool is_wanted(const repository::Snapshot& snapshot) const {
    const auto has_tag = [&](const std::string& tag) {
      return std::ranges::find(snapshot.tags, tag) != snapshot.tags.end();
    };
    if (!tags_.empty() && std::ranges::none_of(tags_, has_tag)) return false;
    return sites_.empty() || std::ranges::find(sites_, snapshot.site) != sites_.end();
  }

  static std::string marks(const repository::Snapshot& snapshot) {
    std::string text;
    const auto add = [&](const std::string& mark) { text += (text.empty() ? "" : ", ") + mark; };
    if (snapshot.partial()) add(fmt::format("partial ({})", snapshot.statistics.problems));
    if (!snapshot.hold.empty()) add("held: " + base::printable(snapshot.hold));
    for (const auto& tag : snapshot.tags)
      add("#" + base::printable(tag));
    return text;
  }

  static void print(Session& session, const std::vector<const repository::Snapshot*>& chosen) {
    auto& console = session.console();
    if (chosen.empty()) {
      console.line("no snapshots");
      return;
    }
    using enum Table::Align;
    Table table({left, left, left, left, left, right, right, right, left});
    table.add({"ID", "TIME", "AGE", "SITE", "KIND", "FILES", "SIZE", "STORED", ""});
    const auto now = session.services().clock().wall_now();
    for (const auto* snapshot : chosen) {
      table.add({snapshot->id.short_hex(), local_time(snapshot->started),
                 age_text(snapshot->started, now), base::printable(snapshot->site),
                 std::string(repository::name_of(snapshot->kind)),
                 with_thousands(snapshot->statistics.files),
                 base::format_byte_count(snapshot->statistics.bytes),
                 base::format_byte_count(snapshot->statistics.bytes_stored), marks(*snapshot)});
    }
    const auto lines = table.lines();
    console.line(lines.front());
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      console.line(lines[i + 1]);
      if (console.verbose()) print_items(console, *chosen[i]);
    }
  }

  static void print_items(Console& console, const repository::Snapshot& snapshot) {
    for (const auto& item : snapshot.items) {
      std::string stamp;
      for (const auto& [name, value] : item.stamp.values)
        stamp += fmt::format("{}{} {}", stamp.empty() ? "  " : ", ", name, value);
      console.line(console.dim(fmt::format("    {} {}{}", repository::name_of(item.kind),
                                           base::printable(item.path), base::printable(stamp))));
    }
  }

  std::vector<std::string> sites_;
  std::vector<std::string> tags_;
  std::optional<std::uint32_t> last_;
};

}  // namespace

std::unique_ptr<Command> make_snapshots_command() { return std::make_unique<SnapshotsCommand>(); }

}  // namespace holdfast::cli
