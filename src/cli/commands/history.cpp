#include "browse/history.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "cli/source_plan.hpp"
#include "commands.hpp"
#include "json_values.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <vector>

namespace holdfast::cli {

namespace {

using browse::Version;
using repository::Snapshot;

class HistoryCommand final : public Command {
public:
  std::string name() const override { return "history"; }
  bool only_reads() const override { return true; }
  std::string summary() const override { return "Show when a path came, changed and went"; }
  std::string examples() const override {
    return "  holdfast history /srv/blog/.env\n"
           "  holdfast history uploads/avatar.png --site blog   beneath the current directory\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positional("PATH", path_, "a file or a directory", Completes::files);
    arguments.option("-s,--site", "NAME", site_, "only snapshots of this site", Completes::sites);
  }

  int run(Session& session) override {
    const auto path = absolute_path(path_, session.environment().working_directory);
    auto& console = session.console();
    auto& json = console.json();
    json.raw_field("path", path).key("versions").begin_array();
    bool seen = false;
    auto& chunks = session.repository_to_read().chunks();
    for (const auto& [site, snapshots] : chosen(session)) {
      const auto versions = browse::history_of(path, snapshots, chunks);
      if (versions.empty()) continue;
      seen = true;
      console.line(console.bold(base::printable(site)) + "  " + base::printable(path));
      for (const auto& version : versions) {
        write(json, site, path, version);
        print(console, version);
      }
    }
    json.end_array();
    if (!seen) {
      throw base::Error(base::ErrorKind::not_found,
                        fmt::format("no snapshot has {}", base::printable(path)))
          .set_hint("holdfast find looks for names");
    }
    return session.saw_damage() ? base::exit_partial : base::exit_done;
  }

private:
  /// By site, oldest first; without the points that restores took for safety.
  std::map<std::string, std::vector<const Snapshot*>> chosen(Session& session) const {
    std::map<std::string, std::vector<const Snapshot*>> sites;
    for (const auto& snapshot : session.snapshots()) {
      if (site_ && snapshot.site != *site_) continue;
      if (snapshot.kind != repository::SnapshotKind::safety)
        sites[snapshot.site].push_back(&snapshot);
    }
    return sites;
  }

  static void write(JsonWriter& json, const std::string& site, const std::string& path,
                    const Version& version) {
    json.begin_object().raw_field("site", site);
    json.field("change", browse::name_of(version.change));
    json.field("first", std::string_view(version.first->id.hex()));
    json.field("first_time",
               std::string_view(version.first->started.to_iso(base::WallTime::Precision::exact)));
    json.field("last", std::string_view(version.last->id.hex()));
    json.field("last_time",
               std::string_view(version.last->started.to_iso(base::WallTime::Precision::exact)));
    json.field("snapshots", version.snapshots).key("entry");
    if (version.node) {
      json.begin_object();
      write_entry_fields(json, path, version.node->entry);
      json.end_object();
    } else {
      json.null();
    }
    json.end_object();
  }

  static void print(Console& console, const Version& version) {
    auto what = std::string("gone");
    if (version.node) {
      const auto& entry = version.node->entry;
      what = fmt::format("{} {:>9}  {}", mode_text(entry), base::format_byte_count(entry.size),
                         local_time({entry.mtime_seconds, entry.mtime_nanoseconds}));
    }
    auto line = fmt::format("  {}  {:<8}  {:<8}  {}", local_time(version.first->started),
                            version.first->id.short_hex(), browse::name_of(version.change), what);
    if (version.snapshots > 1) {
      line += fmt::format("  until {} ({})", local_time(version.last->started),
                          counted(version.snapshots, "snapshot", "snapshots"));
    }
    console.line(line);
  }

  std::string path_;
  std::optional<std::string> site_;
};

}  // namespace

std::unique_ptr<Command> make_history_command() { return std::make_unique<HistoryCommand>(); }

}  // namespace holdfast::cli
