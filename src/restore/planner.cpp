#include "planner.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "content_map.hpp"
#include "safe_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sys/file.h>
#include <sys/xattr.h>
#include <utility>

namespace holdfast::restore {

namespace {

using base::Error;
using base::ErrorKind;
using sources::EntryKind;
using State = Directory::State;

/// The extended access lists of the directory around are inherited; what is made here has its own.
void drop_inherited(int directory, const std::string& path) {
  for (const char* name : {"system.posix_acl_default", "system.posix_acl_access"})
    if (::fremovexattr(directory, name) != 0 && errno != ENODATA && errno != EOPNOTSUPP)
      throw base::system_error(errno, "removing the inherited access list of " + path);
  const auto status = status_of(directory, path);
  if (status.st_gid != ::getegid() && ::fchown(directory, static_cast<uid_t>(-1), ::getegid()) != 0)
    throw base::system_error(errno, "setting the group of " + path);
  if ((status.st_mode & 07777) != 0700 && ::fchmod(directory, 0700) != 0)
    throw base::system_error(errno, "setting the mode of " + path);
}

}  // namespace

Planner::Planner(const Context& context, Parts parts, std::stop_token stopping)
    : context_(context),
      writer_(parts.writer),
      deferred_(parts.deferred),
      extras_(parts.extras),
      hard_links_(parts.hard_links),
      windows_(parts.windows),
      fetch_(parts.fetch),
      stopping_(std::move(stopping)),
      window_(std::make_unique<Window>()) {}

Planner::~Planner() = default;

void Planner::plan_below(const browse::SnapshotView& view, const browse::Place& place,
                         const Selection& selection, const DirectoryRef& target) {
  enter(target, place, place.item == nullptr || !selection.selected);
  descend(view, place, selection);
  leave();
}

void Planner::plan_entry(browse::Place place, const DirectoryRef& target) {
  browse::Place around;
  enter(target, around, true);
  see(place);
  leave();
}

void Planner::descend(const browse::SnapshotView& view, const browse::Place& place,
                      const Selection& selection) {
  auto& chunks = context_.repository.chunks();
  if (selection.selected) {
    on_the_way_ = false;
    browse::visit_below(view, place, chunks, *this);
    return;
  }
  for (const auto& [name, below] : selection.children) {
    auto next = view.find(place, name, chunks);
    if (!next) continue;  // looked up before: it is there
    on_the_way_ = !below.selected;
    const bool directory = next->node.entry.kind == EntryKind::directory;
    if (see(*next) == browse::Descend::no || !directory) continue;
    descend(view, *next, below);
    left();
  }
}

browse::Descend Planner::see(browse::Place& place) {
  base::check_cancelled(stopping_);
  const std::string name = place.node.entry.name;
  try {
    repository::check_component(name);
    return see_entry(place) ? browse::Descend::yes : browse::Descend::no;
  } catch (const Error& error) {
    note_or_throw(context_.report, levels_.back().directory->path_of(name), error);
    return browse::Descend::no;
  }
}

void Planner::left() { leave(); }

void Planner::damaged(const Error& error) {
  note_or_throw(context_.report, levels_.back().directory->path(), error);
  levels_.back().names.clear();  // what is missing in the list must not be called extra
}

bool Planner::see_entry(browse::Place& place) {
  auto& entry = place.node.entry;
  if (is_journal_of_database(entry.name)) return false;
  switch (entry.kind) {
    case EntryKind::directory:
      see_directory(place, on_the_way_ || place.item == nullptr);
      return true;
    case EntryKind::file:
      ++context_.report.count.files;
      see_file(place);
      return false;
    default: {
      ++context_.report.count.other;
      take_name(entry.name);
      const auto& directory = levels_.back().directory;
      context_.metadata.prepare(entry, directory->path_of(entry.name));
      deferred_.add(directory, std::move(entry), nullptr);
      return false;
    }
  }
}

bool Planner::is_journal_of_database(const std::string& name) const {
  const auto* overlay = levels_.back().overlay;
  if (overlay == nullptr) return false;
  return std::any_of(overlay->children.begin(), overlay->children.end(), [&](const auto& child) {
    return child.second.item != nullptr &&
           child.second.item->kind == repository::ItemKind::database &&
           is_journal_of(name, child.first);
  });
}

bool Planner::take_name(const std::string& name) {
  auto& level = levels_.back();
  const auto at = std::lower_bound(level.names.begin(), level.names.end(), name);
  if (at == level.names.end() || *at != name) return false;
  level.seen[static_cast<std::size_t>(at - level.names.begin())] = true;
  return true;
}

void Planner::enter(DirectoryRef directory, const browse::Place& place, bool is_way) {
  Level level;
  level.directory = std::move(directory);
  level.overlay = place.overlay;
  level.is_way = is_way;
  if (level.directory->state() == State::existing) {
    const auto handle = context_.handles.open(*level.directory);
    level.names = list_names(handle->get(), level.directory->path());
    remove_leftovers(level, handle->get());
    level.seen.resize(level.names.size());
  }
  levels_.push_back(std::move(level));
}

void Planner::remove_leftovers(Level& level, int directory) {
  std::erase_if(level.names, [&](const std::string& name) {
    if (!name.starts_with(temporary_prefix)) return false;
    const auto file = open_existing_file(directory, name, O_RDONLY);
    if (!file || ::flock(file->get(), LOCK_EX | LOCK_NB) != 0) return false;
    if (!context_.request.dry_run) remove_name(directory, name, level.directory->path_of(name));
    return true;
  });
}

void Planner::leave() {
  Level level = std::move(levels_.back());
  levels_.pop_back();
  if (extras_.wanted() && !level.is_way)
    for (std::size_t i = 0; i < level.names.size(); ++i)
      if (!level.seen[i]) extras_.remove(*level.directory, level.names[i]);
  release(context_, std::move(level.directory));
}

void Planner::see_directory(browse::Place& place, bool is_way) {
  const std::string name = place.node.entry.name;
  const DirectoryRef parent = levels_.back().directory;
  const State state = make_or_find(name, take_name(name));
  auto directory = std::make_shared<Directory>(parent, name, state, next_directory_++);
  ++context_.report.count.directories;
  // What lies above the restored things is given back as it was, but never changed where it is.
  const bool recreated = context_.request.layout == Layout::recreate;
  if (!is_way || (place.recorded && (state == State::made || recreated))) {
    directory->entry = std::make_unique<sources::Entry>(std::move(place.node.entry));
    context_.metadata.prepare(*directory->entry, directory->path());
  }
  if (parent->state() == State::existing && state != State::existing)
    context_.report.changes(directory->path());
  enter(std::move(directory), place, is_way);
  parent->hold();  // until the walk and everything in it are done
}

Directory::State Planner::make_or_find(const std::string& name, bool exists) {
  const auto& parent = *levels_.back().directory;
  if (parent.state() == State::absent) return State::absent;
  const auto handle = context_.handles.open(parent);
  const auto path = parent.path_of(name);
  if (exists) {
    const auto state = find_directory(handle->get(), name, path);
    if (state != State::made) return state;
  } else if (context_.request.dry_run) {
    return State::absent;
  }
  if (parent.state() == State::made) {
    make_directory(handle->get(), name, path);
  } else {
    make_private_directory(handle->get(), name, path);
  }
  return State::made;
}

/// `made` means that it must be made now.
Directory::State Planner::find_directory(int parent, const std::string& name,
                                         const std::string& path) {
  const auto status = status_at(parent, name);
  if (status && S_ISDIR(status->st_mode)) {
    if (!context_.request.dry_run) make_accessible(parent, name, path);
    return State::existing;
  }
  if (context_.request.dry_run) return State::absent;
  if (status) remove_name(parent, name, path);
  return State::made;
}

void Planner::make_private_directory(int parent, const std::string& name, const std::string& path) {
  make_directory(parent, name, path);
  drop_inherited(open_directory(parent, name, path).get(), path);
}

void Planner::see_file(browse::Place& place) {
  auto& node = place.node;
  auto task = std::make_shared<FileTask>();
  task->directory = levels_.back().directory;
  const bool exists = take_name(node.entry.name);
  repository::attach_lists(node, context_.repository.chunks());
  const auto membership = hard_links_.join(node, place.item, task->directory);
  task->entry = std::move(node.entry);
  context_.metadata.prepare(task->entry, task->path());
  if (membership.group != nullptr && !membership.first) {
    deferred_.add(task->directory, std::move(task->entry), membership.group);
    return;
  }
  task->group = membership.group;
  if (node.paged) {
    task->paged = std::make_unique<repository::PagedContent>(*node.paged);
    block_count_of(*task->paged, task->entry.size);
    task->is_database = place.item != nullptr && place.item->kind == repository::ItemKind::database;
  } else {
    task->map = std::make_unique<ContentMap>(task->entry);
    context_.report.count.bytes += task->map->data_size();
  }
  if (task->directory->state() == State::existing)
    task->placement = exists ? placement_of(*task) : FileTask::Placement::replace;
  task->directory->hold();
  if (task->paged) {
    context_.report.count.bytes += task->entry.size;
    add_pages(task);
  } else {
    add_chunks(task, node.chunks);
  }
}

FileTask::Placement Planner::placement_of(FileTask& task) {
  using Placement = FileTask::Placement;
  const auto handle = context_.handles.open(*task.directory);
  const auto status = status_at(handle->get(), task.entry.name);
  if (!status) return Placement::replace;
  if (S_ISDIR(status->st_mode)) {
    if (extras_.wanted() && extras_.remove(*task.directory, task.entry.name))
      return Placement::replace;
    throw Error(ErrorKind::conflict, "a directory is in its place")
        .set_hint("move the directory away, or restore with deletion of what is extra");
  }
  if (!S_ISREG(status->st_mode)) return Placement::replace;
  if (task.paged) {  // compared here: what is right already needs no map
    base::Buffer scratch;
    task.placement = Placement::undecided;
    writer_.compare(task, *window_, scratch);
    return task.placement;
  }
  if (task.entry.size >= FileWriter::mended_size_min)
    return writer_.begin_mending(task) ? Placement::mend : Placement::replace;
  return static_cast<std::uint64_t>(status->st_size) == task.entry.size ? Placement::undecided
                                                                        : Placement::replace;
}

}  // namespace holdfast::restore
