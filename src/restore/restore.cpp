#include "restore/restore.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "browse/path_lookup.hpp"
#include "context.hpp"
#include "deferred.hpp"
#include "extras.hpp"
#include "file_writer.hpp"
#include "planner.hpp"
#include "repository/reader_lease.hpp"
#include "target.hpp"
#include "window_run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace holdfast::restore {

namespace {

using base::Error;
using base::ErrorKind;

// Beyond the one that is restored and the one that is planned.
constexpr std::size_t windows_waiting_max = 1;
/// More than this pays for connections that are made before they are wanted.
constexpr std::uint64_t much_bytes = 64ULL * 1024 * 1024;

void check_request(const RestoreRequest& request) {
  if (request.layout == Layout::contents && request.paths.size() != 1)
    throw Error(ErrorKind::invalid_input, "the contents of one path can come into a directory");
  if (request.delete_extra && request.layout != Layout::in_place)
    throw Error(ErrorKind::invalid_input, "extra files are deleted only in a restore in place");
}

Selection selection_of(const repository::Snapshot& snapshot, const RestoreRequest& request,
                       repository::ChunkSource& chunks) {
  Selection selection;
  selection.selected = request.paths.empty();
  for (const auto& path : request.paths) {
    const auto found = browse::look_up(snapshot, path, chunks);
    Selection* at = &selection;
    for (const auto& component : browse::split_path(found.path))
      at = &at->children[component];
    at->selected = true;
  }
  return selection;
}

/// The place that one path means.
browse::Place place_of(const browse::SnapshotView& view, const repository::Snapshot& snapshot,
                       const std::string& path, repository::ChunkSource& chunks) {
  browse::Place place = view.root();
  for (const auto& component : browse::split_path(browse::look_up(snapshot, path, chunks).path)) {
    auto next = view.find(place, component, chunks);
    if (!next) throw Error(ErrorKind::not_found, "the path is not in the snapshot");
    place = std::move(*next);
  }
  return place;
}

unsigned thread_count(const RestoreRequest& request) {
  constexpr unsigned threads_max = 64;
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  return std::clamp(request.threads == 0 ? cores : request.threads, 1U, threads_max);
}

class Run {
public:
  Run(const repository::Snapshot& snapshot, const Context& context, const Target& target,
      repository::ReadAhead& ahead)
      : snapshot_(snapshot),
        context_(context),
        writer_(context),
        deferred_(context),
        extras_(context, snapshot),
        windows_(windows_waiting_max),
        workers_(context, writer_, ahead, thread_count(context.request)),
        planning_(context.stopping) {
    const auto state = !target.exists() ? Directory::State::absent : Directory::State::existing;
    root_ = std::make_shared<Directory>(nullptr, context.request.directory, state, 0);
    root_was_made_ = target.made();
  }

  void run() {
    planning_.spawn([this](const std::stop_token& stopping) { plan(stopping); });
    try {
      while (auto window = windows_.pop(planning_.token())) {
        restore(**window);
        window->reset();
        deferred_.run_if_many();
      }
    } catch (const base::Cancelled&) {
      planning_.join();  // throws what made it stop, if it was not the user
      throw;
    }
    planning_.join();
    deferred_.run_all();
  }

private:
  void plan(const std::stop_token& stopping) {
    Planner planner(context_,
                    {writer_, deferred_, extras_, hard_links_, windows_, workers_.planner()},
                    stopping);
    const auto& request = context_.request;
    auto& chunks = context_.repository.chunks();
    const browse::SnapshotView view(snapshot_);
    const bool contents = request.layout == Layout::contents;
    auto place = contents ? place_of(view, snapshot_, request.paths.front(), chunks) : view.root();
    if (place.node.entry.kind == sources::EntryKind::directory) {
      Selection selection;
      selection.selected = true;
      if (!contents) selection = selection_of(snapshot_, request, chunks);
      give_entry_to_root(place, selection.selected);
      planner.plan_below(view, place, selection, root_);
    } else {
      planner.plan_entry(std::move(place), root_);
    }
    planner.finish();
  }

  /// The target itself gets the attributes of what it stands for, when that is restored too; a
  /// directory that somebody else made to receive a restore stays as it is.
  void give_entry_to_root(const browse::Place& place, bool selected) {
    if (place.item == nullptr || !selected) return;
    if (context_.request.layout != Layout::in_place && !root_was_made_) return;
    root_->entry = std::make_unique<sources::Entry>(place.node.entry);
    context_.metadata.prepare(*root_->entry, root_->path());
  }

  void restore(Window& window) {
    try {
      workers_.run(window);
    } catch (const std::exception&) {
      for (const FileRef& task : window.files)
        writer_.abandon(*task);
      throw;
    }
  }

  const repository::Snapshot& snapshot_;
  const Context& context_;
  FileWriter writer_;
  Deferred deferred_;
  Extras extras_;
  HardLinks hard_links_;
  Planner::WindowQueue windows_;
  WindowRun workers_;
  DirectoryRef root_;
  bool root_was_made_ = false;
  base::TaskGroup planning_;  // last: it ends before what it works with
};

void sync_filesystem(int directory) {
  if (::syncfs(directory) != 0)
    throw base::system_error(errno, "writing the restored files to the disk");
}

}  // namespace

RestoreReport run_restore(repository::Repository& repository, const repository::Snapshot& snapshot,
                          const RestoreRequest& request, base::ProgressObserver& progress,
                          std::stop_token stopping) {
  check_request(request);
  repository.keys().require(repository::Ability::read_content);
  repository::ReadAhead ahead(repository, stopping);
  const bool whole = request.paths.empty();
  if (whole && !request.dry_run && snapshot.statistics.bytes >= much_bytes) ahead.connect();
  // Before the index is read: what that says stays until the restore is done.
  const repository::ReaderLease lease(repository, "restore");
  repository.fresh_index();
  repository.read_unindexed_packs(true);
  for (const auto& path : request.paths)
    browse::look_up(snapshot, path, repository.chunks());
  Report report(progress, whole ? snapshot.statistics.files + snapshot.statistics.directories : 0,
                whole ? snapshot.statistics.bytes : 0);
  Metadata metadata(request, report);
  Target target(request, snapshot.id);
  const int root = target.handle().get();
  DirectoryHandles handles(base::Fd(root < 0 ? -1 : ::dup(root)));
  const Context context{repository, request, report, metadata, handles, stopping};
  Run(snapshot, context, target, ahead).run();
  if (request.layout == Layout::in_place && !request.dry_run) sync_filesystem(root);
  target.finished();
  return report.result();
}

}  // namespace holdfast::restore
