#include "base/error.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "repository/holds.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace holdfast::cli {

namespace {

class HoldCommand final : public Command {
public:
  std::string name() const override { return "hold"; }
  std::string summary() const override { return "Keep snapshots until they are released"; }
  std::string examples() const override {
    return "  holdfast hold 3f9a12bc --reason 'audit of 2026'   forget leaves it alone\n"
           "  holdfast hold --release 3f9a12bc\n"
           "  holdfast snapshots                                shows what is held, and why\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positionals("SNAPSHOT", named_, "which ones", Completes::snapshots);
    arguments.flag("--release", releases_, "take the hold away instead");
    arguments.option("--reason", "TEXT", reason_, "why, for people (default: held by hand)");
  }

  int run(Session& session) override {
    if (named_.empty()) {
      throw base::Error(base::ErrorKind::invalid_input, "no snapshot is named")
          .set_hint("name them as holdfast snapshots shows them");
    }
    if (releases_ && reason_) {
      throw base::Error(base::ErrorKind::invalid_input, "--reason is for holding only");
    }
    std::vector<base::SnapshotId> ids;
    ids.reserve(named_.size());
    for (const auto& text : named_)
      ids.push_back(session.snapshot(text).id);
    auto& json = session.console().json();
    json.key(releases_ ? "released" : "held").begin_array();
    for (const auto& id : ids)
      report(session.console(), id, work(session, id));
    json.end_array();
    return base::exit_done;
  }

private:
  repository::HeldObjects work(Session& session, const base::SnapshotId& id) const {
    auto& repository = session.repository();
    if (releases_) return repository::release_snapshot(repository, id, session.stopping());
    return repository::hold_snapshot(repository, id, reason_.value_or("held by hand"),
                                     session.stopping());
  }

  void report(Console& console, const base::SnapshotId& id,
              const repository::HeldObjects& objects) const {
    auto& json = console.json();
    json.begin_object().field("id", std::string_view(id.hex()));
    json.field("by_store", objects.enforced).field("objects", objects.count).end_object();
    const auto count = counted(objects.count, "object", "objects");
    if (releases_) {
      const auto also = objects.enforced ? fmt::format(", and {} in the store", count) : "";
      console.line(fmt::format("snapshot {} is released{}", id.short_hex(), also));
      return;
    }
    console.line(fmt::format("snapshot {} is held: forget leaves it alone", id.short_hex()));
    console.line(objects.enforced
                     ? fmt::format("the store lets nobody destroy the {} that it needs", count)
                     : "the store itself does not hold anything: see 'lock' in "
                       "docs/configuration.md");
  }

  std::vector<std::string> named_;
  std::optional<std::string> reason_;
  bool releases_ = false;
};

}  // namespace

std::unique_ptr<Command> make_hold_command() { return std::make_unique<HoldCommand>(); }

}  // namespace holdfast::cli
