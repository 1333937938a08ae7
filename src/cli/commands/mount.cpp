#include "mount/mount.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "cli/source_plan.hpp"
#include "commands.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <optional>
#include <set>

namespace holdfast::cli {

namespace {

/// "2026-11-20T14:05:09", and the id as well where two would have the same.
std::string name_of(const repository::Snapshot& snapshot, std::set<std::string>& taken) {
  auto name = local_time(snapshot.started);
  if (const auto blank = name.find(' '); blank != std::string::npos) name[blank] = 'T';
  if (!taken.insert(name).second) {
    name += "_" + snapshot.id.short_hex();
    taken.insert(name);
  }
  return name;
}

class MountCommand final : public Command {
public:
  std::string name() const override { return "mount"; }
  bool only_reads() const override { return true; }
  std::string summary() const override { return "Show snapshots as a file system to read"; }
  std::string examples() const override {
    return "  holdfast mount /mnt/backup                 until it is unmounted or interrupted\n"
           "  cp -a /mnt/backup/latest/srv/blog/uploads /tmp\n"
           "  holdfast mount /mnt/backup --site blog\n"
           "  umount /mnt/backup\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positional("DIR", directory_, "where; an empty directory", Completes::directories);
    arguments.option("-s,--site", "NAME", site_, "only snapshots of this site", Completes::sites);
    arguments.flag("--allow-other", allow_other_,
                   "other users may look too, as far as modes and access lists let them");
    arguments.size("--cache-size", cache_bytes_, "decoded content kept in memory (64 MiB)");
  }

  int run(Session& session) override {
    session.repository_to_read().keys().require(repository::Ability::read_content);
    mount::MountRequest request;
    request.directory = absolute_path(directory_, session.environment().working_directory);
    request.snapshots = chosen(session);
    request.allow_other = allow_other_;
    if (cache_bytes_) request.cache_bytes = *cache_bytes_;
    auto& console = session.console();
    console.json().raw_field("directory", request.directory);
    console.json().field("snapshots", request.snapshots.size());
    mount::serve(
        session.repository(), request, session.services().random(),
        [&] {
          console.line(fmt::format("{} at {}; unmount it or interrupt this to end",
                                   counted(request.snapshots.size(), "snapshot", "snapshots"),
                                   base::printable(request.directory)));
          console.flush();
        },
        session.progress(), session.stopping());
    return session.saw_damage() ? base::exit_partial : base::exit_done;
  }

private:
  std::vector<mount::MountedSnapshot> chosen(Session& session) const {
    std::vector<mount::MountedSnapshot> result;
    std::set<std::string> taken;
    for (const auto& snapshot : session.snapshots()) {
      if (site_ && snapshot.site != *site_) continue;
      const bool ordinary = snapshot.kind != repository::SnapshotKind::safety;
      result.push_back({&snapshot, ordinary ? name_of(snapshot, taken) : ""});
    }
    if (result.empty()) {
      throw base::Error(
          base::ErrorKind::not_found,
          site_ ? fmt::format("there is no snapshot of the site '{}'", base::printable(*site_))
                : "there are no snapshots to show")
          .set_hint("holdfast snapshots lists what there is");
    }
    return result;
  }

  std::string directory_;
  std::optional<std::string> site_;
  std::optional<std::uint64_t> cache_bytes_;
  bool allow_other_ = false;
};

}  // namespace

std::unique_ptr<Command> make_mount_command() { return std::make_unique<MountCommand>(); }

}  // namespace holdfast::cli
