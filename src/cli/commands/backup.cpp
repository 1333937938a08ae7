#include "backup/backup.hpp"

#include "backup_copies.hpp"
#include "backup_report.hpp"
#include "backup_selection.hpp"
#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "pipeline/parity.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <sys/stat.h>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::uint32_t compression_level_max = 19;
constexpr std::uint32_t threads_max = 256;

class BackupCommand final : public Command {
public:
  std::string name() const override { return "backup"; }
  std::string summary() const override { return "Take a snapshot of paths or configured sites"; }
  std::string examples() const override {
    return "  holdfast backup                          all sites of holdfast.yaml\n"
           "  holdfast backup blog                     one site of holdfast.yaml\n"
           "  holdfast backup /srv/blog --exclude '*.tmp' --tag nightly\n"
           "  holdfast backup --site blog /srv/blog/uploads --sqlite /srv/blog/blog.db\n"
           "  find /etc -name '*.conf' -print0 | holdfast backup --files-from - --null\n"
           "  holdfast backup --site shop --command shop.sql -- pg_dump shop\n"
           "  mysqldump shop | holdfast backup --stdin --stdin-name /shop.sql\n";
  }

  void declare(Arguments& arguments) override {
    declare_selection(arguments, selection_);
    arguments.group("How");
    arguments.flag("--full", full_, "read every file again, also unchanged ones");
    arguments.flag("-n,--dry-run", dry_run_, "read and count, store nothing");
    arguments.flag("--no-copies", no_copies_,
                   "leave the copies that holdfast.yaml lists to a later run, or to 'copy'");
    arguments.count("--compression-level", level_, "zstd level, 1 to 19 (default: 3)");
    arguments.count("--parity", parity_,
                    "percent of parity in packs, 0 to 25 (default: as configured, or as of init)");
    arguments.count("--threads", threads_, "at most so many (default: as many as cores)");
    arguments.group("");
  }

  int run(Session& session) override {
    check_options();
    auto plans = select_sources(selection_, session);
    auto& json = session.console().json();
    json.field("dry_run", dry_run_).key("runs").begin_array();
    int exit_code = base::exit_done;
    for (const auto& plan : plans)
      sites_.push_back(plan.site);
    for (auto& plan : plans) {
      const int code = plans.size() == 1 ? take(session, plan) : take_one_of_many(session, plan);
      if (exit_code == base::exit_done || exit_code == base::exit_partial) {
        exit_code = code == base::exit_done ? exit_code : code;
      }
    }
    json.end_array();
    copies_.finish(session);
    return exit_code;
  }

  std::string after_interruption() const override {
    return "no snapshot was made; the next backup goes on from what is already stored";
  }

private:
  void check_options() const {
    if (level_ && (*level_ == 0 || *level_ > compression_level_max)) {
      throw Error(ErrorKind::invalid_input,
                  fmt::format("--compression-level must be 1 to {}", compression_level_max));
    }
    if (parity_ && *parity_ > pipeline::parity_percent_max) {
      throw Error(ErrorKind::invalid_input,
                  fmt::format("--parity must be at most {}", pipeline::parity_percent_max));
    }
    if (threads_ && *threads_ > threads_max) {
      throw Error(ErrorKind::invalid_input,
                  fmt::format("--threads must be at most {}", threads_max));
    }
  }

  /// A site that fails does not keep the others from being taken.
  int take_one_of_many(Session& session, SourcePlan& plan) {
    try {
      return take(session, plan);
    } catch (const Error& error) {
      const auto failure = failure_of(error);
      auto& console = session.console();
      console.warn(fmt::format("site {} was not taken: {}", plan.site, failure.message));
      console.json().begin_object().field("site", std::string_view(plan.site));
      console.json().key("error").begin_object();
      console.add_failure(failure);
      console.json().end_object().end_object();
      return failure.exit_code;
    }
  }

  int take(Session& session, SourcePlan& plan) {
    leave_out_own_files(session, plan);
    backup::BackupRequest request;
    // Trees list themselves while the key is made; what holds a lock or starts a program waits for
    // the key.
    const bool early = std::ranges::all_of(plan.sources, [](const PlannedSource& source) {
      return source.kind == PlannedSource::Kind::tree;
    });
    if (early) request.items = session.services().open_sources(plan);
    auto& repository = session.repository();
    if (!early) request.items = session.services().open_sources(plan);
    request.site = plan.site;
    request.host = session.environment().host;
    request.tags = plan.tags;
    request.tool_version = session.environment().version;
    request.kind = full_ ? repository::SnapshotKind::full : repository::SnapshotKind::incremental;
    request.compression_level = static_cast<int>(level_.value_or(3));
    request.parity_percent = parity_percent(session);
    request.threads = threads_.value_or(0);
    request.dry_run = dry_run_;
    if (!dry_run_ && !no_copies_) {
      copies_.begin(session, sites_);
      request.on_pack_stored = [this](const base::PackId& pack) { copies_.stored(pack); };
    }
    const auto result =
        backup::run_backup(repository, std::move(request), session.progress(), session.stopping());
    report_backup(session.console(), result, dry_run_);
    return result.snapshot.partial() ? base::exit_partial : base::exit_done;
  }

  /// Nothing: as the repository was made.
  std::optional<unsigned> parity_percent(Session& session) const {
    if (parity_) return parity_;
    const auto* config = session.config();
    return config == nullptr ? std::nullopt : config->parity_percent;
  }

  static void leave_out_own_files(Session& session, SourcePlan& plan) {
    std::vector<std::string> own{session.cache_directory()};
    if (const auto location = session.location(); location.scheme == "file") {
      own.push_back(location.path);
    }
    for (const auto& path : separate(plan, own)) {
      session.console().note(
          fmt::format("leaving out {}, which is Holdfast's own", base::printable(path)));
    }
  }

  BackupSelection selection_;
  std::vector<std::string> sites_;
  BackupCopies copies_;
  bool no_copies_ = false;
  bool full_ = false;
  bool dry_run_ = false;
  std::optional<std::uint32_t> level_;
  std::optional<std::uint32_t> parity_;
  std::optional<std::uint32_t> threads_;
};

}  // namespace

std::unique_ptr<Command> make_backup_command() { return std::make_unique<BackupCommand>(); }

}  // namespace holdfast::cli
