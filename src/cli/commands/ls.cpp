#include "base/task_group.hpp"
#include "base/units.hpp"
#include "browse/listing.hpp"
#include "browse/path_lookup.hpp"
#include "commands.hpp"
#include "json_values.hpp"
#include "text.hpp"

#include <fmt/format.h>

namespace holdfast::cli {

namespace {

class LsCommand final : public Command {
public:
  std::string name() const override { return "ls"; }
  bool only_reads() const override { return true; }
  std::string summary() const override { return "List what a snapshot holds"; }
  std::string examples() const override {
    return "  holdfast ls latest                       what was taken\n"
           "  holdfast ls latest:/srv/blog             one directory\n"
           "  holdfast ls -lR blog@2026-11-20          everything, with details\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positional("SNAPSHOT", target_, "id or prefix, latest, a site, SITE@TIME; with :/SUB",
                         Completes::snapshots);
    arguments.flag("-R,--recursive", recursive_, "everything below");
    arguments.flag("-l,--long", long_, "mode, owner, size and time");
  }

  int run(Session& session) override {
    const auto [name, sub] = browse::split_target(target_);
    const auto& snapshot = session.snapshot(name);
    auto& json = session.console().json();
    json.field("snapshot", std::string_view(snapshot.id.hex())).key("entries").begin_array();
    const browse::SnapshotView view(snapshot);
    auto& chunks = session.repository_to_read().chunks();
    if (sub.empty() && !recursive_) {
      for (const auto& item : snapshot.items)
        print(session, item.path, item.root.entry);
    } else {
      const std::string path = sub.empty() ? "/" : sub;
      list(session, view, browse::locate(view, path, chunks), path);
    }
    json.end_array();
    return base::exit_done;
  }

private:
  void list(Session& session, const browse::SnapshotView& view, const browse::Place& place,
            std::string path) const {
    if (place.node.entry.kind != sources::EntryKind::directory) {
      print(session, path, place.node.entry);
      return;
    }
    while (path.size() > 1 && path.ends_with('/'))
      path.pop_back();
    browse::list_below(view, place, path, session.repository().chunks(),
                       [&](const std::string& below, const browse::Place& found) {
                         base::check_cancelled(session.stopping());
                         print(session, below, found.node.entry);
                         return recursive_ ? browse::Descend::yes : browse::Descend::no;
                       });
  }

  void print(Session& session, const std::string& path, const sources::Entry& entry) const {
    auto& console = session.console();
    if (console.json_wanted()) {
      auto& json = console.json();
      json.begin_object();
      write_entry_fields(json, path, entry);
      json.end_object();
      return;
    }
    std::string line = base::printable(path);
    if (entry.kind == sources::EntryKind::directory && !line.ends_with('/')) line += '/';
    if (!entry.link_target.empty() && long_) line += " -> " + base::printable(entry.link_target);
    if (long_) {
      line = fmt::format("{} {:>8} {:>8} {:>9} {} {}", mode_text(entry),
                         owner_text(entry.user_name, entry.user_id),
                         owner_text(entry.group_name, entry.group_id),
                         base::format_byte_count(entry.size),
                         local_time({entry.mtime_seconds, entry.mtime_nanoseconds}), line);
    }
    console.line(line);
  }

  std::string target_;
  bool recursive_ = false;
  bool long_ = false;
};

}  // namespace

std::unique_ptr<Command> make_ls_command() { return std::make_unique<LsCommand>(); }

}  // namespace holdfast::cli
