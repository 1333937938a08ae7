#include "restore/restore.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "browse/path_lookup.hpp"
#include "commands.hpp"
#include "confirm.hpp"
#include "restore_report.hpp"
#include "restore_thaw.hpp"
#include "safety.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <optional>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t extras_shown = 20;

/// "latest" and a time mean any site at that time.
std::string with_time(const std::string& name, const std::string& time) {
  return (name == "latest" ? "" : name) + "@" + time;
}

class RestoreCommand final : public Command {
public:
  std::string name() const override { return "restore"; }
  bool only_reads() const override { return true; }
  std::string summary() const override { return "Bring a snapshot, or parts of it, back"; }
  std::string examples() const override {
    return "  holdfast restore latest --to /tmp/look                   everything, beneath "
           "/tmp/look\n"
           "  holdfast restore 3f9a:/srv/blog/uploads --to /tmp/up     one folder's contents\n"
           "  holdfast restore blog --path /srv/blog/.env --to /tmp/look\n"
           "  holdfast restore blog@\"2026-11-20 14:05\" --in-place      where it was; asks first\n"
           "  holdfast restore blog --at 2026-11-20 --to /tmp/look\n"
           "  holdfast restore blog --in-place --delete --yes          exactly as it was then\n"
           "  holdfast restore blog --plan                             what must be thawed, and "
           "its "
           "price\n"
           "  holdfast restore blog --to /tmp/look --thaw              thaw it, wait, go on\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positional("SNAPSHOT", target_,
                         "id or prefix, latest, a site, SITE@TIME; with :/SUB its contents only",
                         Completes::snapshots);
    arguments.group("Where");
    arguments.option("--to", "DIR", to_, "beneath this directory; made if missing",
                     Completes::directories);
    arguments.flag("--in-place", in_place_, "where it was, over what is there");
    arguments.flag("--into-existing", allow_existing_,
                   "--to may name a directory that is not empty");
    arguments.group("What");
    arguments.option("--at", "TIME", at_, "the newest snapshot at or before this time");
    arguments.option("--path", "PATH", paths_, "only this path of the snapshot; repeatable");
    arguments.group("In place");
    arguments.flag("--delete", delete_extra_, "remove what the snapshot does not have");
    arguments.flag("-y,--yes", yes_, "do not ask");
    arguments.flag("--no-safety-snapshot", no_safety_,
                   "do not save first what is there (needs --yes)");
    thaw_.declare(arguments);
    arguments.group("How");
    arguments.flag("-n,--dry-run", dry_run_, "say what would be done");
    arguments.flag("--no-verify", no_verify_, "do not read back what was written");
    arguments.flag("--no-sparse", no_sparse_, "write holes as zeros");
    arguments.flag("--no-owners", no_owners_, "everything belongs to who runs this");
    arguments.flag("--untrusted", untrusted_,
                   "no devices, setuid or security attributes: for repositories of others");
    arguments.count("--threads", threads_, "at most so many (default: as many as cores)");
    arguments.group("");
  }

  int run(Session& session) override {
    check_options();
    const auto [name, sub] = browse::split_target(target_);
    const auto& snapshot = session.snapshot(at_ ? with_time(name, *at_) : name);
    auto request = make_request(session, snapshot, sub);
    auto& console = session.console();
    console.json().field("snapshot", std::string_view(snapshot.id.hex()));
    if (thaw_.only_plans()) {
      thaw_.report(session, snapshot, std::move(request));
      return session.saw_tampering() ? base::exit_partial : base::exit_done;
    }
    console.json().raw_field("target", request.directory);
    console.json().field("in_place", in_place_).field("dry_run", dry_run_);
    if (!dry_run_) thaw_.prepare(session, snapshot, request);
    if (in_place_ && !dry_run_) prepare_in_place(session, snapshot, request);
    const auto report = restore::run_restore(session.repository(), snapshot, request,
                                             session.progress(), session.stopping());
    report_restore(console, snapshot, request, report);
    const bool whole = report.problems.empty() && !session.saw_tampering();
    return whole ? base::exit_done : base::exit_partial;
  }

  std::string after_interruption() const override {
    return "the restore is not complete; run it again and it goes on, leaving what is right alone";
  }

private:
  void check_options() const {
    const auto refuse = [](const char* message, const char* hint) {
      throw Error(ErrorKind::invalid_input, message).set_hint(hint);
    };
    thaw_.check();
    const bool nowhere = thaw_.only_plans() && !to_ && !in_place_;
    if (!nowhere && to_.has_value() == in_place_) {
      refuse("where to restore to must be said once", "use either --to DIR or --in-place");
    }
    if (!in_place_ && (delete_extra_ || no_safety_)) {
      refuse("--delete and --no-safety-snapshot go with --in-place", "see holdfast help restore");
    }
    if (no_safety_ && !yes_) {
      refuse("--no-safety-snapshot needs --yes", "without a safety snapshot there is no way back");
    }
  }

  restore::RestoreRequest make_request(Session& session, const repository::Snapshot& snapshot,
                                       const std::string& sub) const {
    if (!sub.empty() && !paths_.empty()) {
      throw Error(ErrorKind::invalid_input, "name a part either after the snapshot or with --path");
    }
    restore::RestoreRequest request;
    request.paths = paths_;
    if (!sub.empty()) request.paths = {sub};
    request.layout = in_place_      ? restore::Layout::in_place
                     : !sub.empty() ? restore::Layout::contents
                                    : restore::Layout::recreate;
    if (in_place_) request.directory = "/";
    if (to_) request.directory = absolute_path(*to_, session.environment().working_directory);
    if (in_place_) leave_out_streams(snapshot, request);
    request.delete_extra = delete_extra_;
    request.verify = !no_verify_;
    request.sparse = !no_sparse_;
    request.owners = !no_owners_;
    request.special = !untrusted_;
    request.allow_existing = allow_existing_;
    request.dry_run = dry_run_;
    request.threads = threads_.value_or(0);
    return request;
  }

  /// Standard input and the output of commands have no place on disk that they came from.
  static void leave_out_streams(const repository::Snapshot& snapshot,
                                restore::RestoreRequest& request) {
    std::vector<std::string> on_disk;
    for (const auto& item : snapshot.items) {
      if (item.kind != repository::ItemKind::stream) on_disk.push_back(item.path);
    }
    if (on_disk.empty()) {
      throw Error(ErrorKind::invalid_input, "the snapshot holds streams only: they have no place")
          .set_hint("restore it with --to DIR");
    }
    if (request.paths.empty() && on_disk.size() != snapshot.items.size()) request.paths = on_disk;
  }

  void prepare_in_place(Session& session, const repository::Snapshot& snapshot,
                        const restore::RestoreRequest& request) {
    warn_of_hooks(session, snapshot);
    if (!yes_ || delete_extra_) show_plan(session, snapshot, request);
    if (!yes_ && !confirm("Write this over what is there?", session.stopping())) {
      throw Error(ErrorKind::invalid_input, "not confirmed: nothing was changed");
    }
    auto& json = session.console().json();
    std::optional<base::SnapshotId> safety;
    if (!no_safety_) {
      safety = base::with_context(
          [] { return "taking a safety snapshot before anything is changed"; },
          [&] { return take_safety_snapshot(session, snapshot, request.paths); });
    }
    json.key("safety_snapshot");
    if (safety)
      json.value(std::string_view(safety->hex()));
    else
      json.null();
  }

  static void warn_of_hooks(Session& session, const repository::Snapshot& snapshot) {
    if (session.config() == nullptr) return;
    const auto* site = session.config()->find_site(snapshot.site);
    if (site == nullptr) return;
    for (const auto& not_yet : site->not_yet) {
      if (not_yet.when == config::NotYet::When::restore) session.console().warn(not_yet.message);
    }
  }

  void show_plan(Session& session, const repository::Snapshot& snapshot,
                 restore::RestoreRequest request) const {
    request.dry_run = true;
    const auto report = restore::run_restore(session.repository(), snapshot, request,
                                             session.progress(), session.stopping());
    auto& console = session.console();
    const auto& plan = report.plan;
    console.note(fmt::format("{} of {}: {} to write, {} differ",
                             counted(plan.files, "file", "files"), snapshot.id.short_hex(),
                             base::format_byte_count(plan.bytes_to_write),
                             counted(plan.to_change.size(), "path", "paths")));
    if (!delete_extra_) return;
    console.note(fmt::format("{} to delete", counted(plan.to_delete.size(), "extra", "extras")));
    for (std::size_t i = 0; i < std::min(plan.to_delete.size(), extras_shown); ++i) {
      console.note("  " + base::printable(plan.to_delete[i]));
    }
    if (plan.to_delete.size() > extras_shown) {
      console.note(
          fmt::format("  and {} more: --dry-run lists them", plan.to_delete.size() - extras_shown));
    }
  }

  std::string target_;
  std::optional<std::string> to_;
  std::optional<std::string> at_;
  std::vector<std::string> paths_;
  std::optional<std::uint32_t> threads_;
  RestoreThaw thaw_;
  bool in_place_ = false;
  bool allow_existing_ = false;
  bool delete_extra_ = false;
  bool yes_ = false;
  bool no_safety_ = false;
  bool dry_run_ = false;
  bool no_verify_ = false;
  bool no_sparse_ = false;
  bool no_owners_ = false;
  bool untrusted_ = false;
};

}  // namespace

std::unique_ptr<Command> make_restore_command() { return std::make_unique<RestoreCommand>(); }

}  // namespace holdfast::cli
