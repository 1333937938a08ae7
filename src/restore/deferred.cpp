#include "deferred.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "safe_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace holdfast::restore {

namespace {

using base::Error;
using base::ErrorKind;
using sources::EntryKind;

constexpr std::size_t items_max = 64 * 1024;

bool is_device(EntryKind kind) {
  return kind == EntryKind::block_device || kind == EntryKind::char_device;
}

std::string link_target_of(int node) {
  std::array<char, PATH_MAX> target{};
  const auto size = ::readlinkat(node, "", target.data(), target.size());
  return size < 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(size));
}

/// A directory cannot be replaced by renaming something over it.
void refuse_directory(int directory, const std::string& name) {
  const auto status = status_at(directory, name);
  if (status && S_ISDIR(status->st_mode))
    throw Error(ErrorKind::conflict, "a directory is in its place")
        .set_hint("move the directory away, or restore with deletion of what is extra");
}

}  // namespace

void Deferred::add(DirectoryRef directory, sources::Entry entry, HardLinkGroup* group) {
  directory->hold();
  const std::lock_guard lock(mutex_);
  items_.push_back({std::move(directory), std::move(entry), group});
}

Deferred::Step Deferred::step_of(const Item& item) {
  if (item.group != nullptr) return Step::links;
  return item.entry.kind == EntryKind::symlink ? Step::symlinks : Step::nodes;
}

void Deferred::run_if_many() {
  std::vector<Item> items;
  {
    const std::lock_guard lock(mutex_);
    if (items_.size() < items_max) return;
    const auto ready = std::partition(items_.begin(), items_.end(), [](const Item& item) {
      return item.group != nullptr && !item.group->done;
    });
    std::move(ready, items_.end(), std::back_inserter(items));
    items_.erase(ready, items_.end());
  }
  for (const Step step : {Step::nodes, Step::links, Step::symlinks})
    run(items, step);
}

void Deferred::run_all() {
  std::vector<Item> items;
  {
    const std::lock_guard lock(mutex_);
    items.swap(items_);
  }
  for (const Step step : {Step::nodes, Step::links, Step::symlinks})
    run(items, step);
}

void Deferred::run(std::vector<Item>& items, Step step) {
  for (Item& item : items) {
    if (item.directory == nullptr || step_of(item) != step) continue;
    base::check_cancelled(context_.stopping);
    try {
      make(item);
    } catch (const Error& error) {
      note_or_throw(context_.report, item.directory->path_of(item.entry.name), error);
    }
    context_.report.item_done(item.entry.name);
    release(context_, std::move(item.directory));
    item.directory = nullptr;
  }
}

void Deferred::make(const Item& item) {
  if (item.directory->state() == Directory::State::absent) return;
  const auto handle = context_.handles.open(*item.directory);
  const bool exists = item.directory->state() == Directory::State::existing &&
                      status_at(handle->get(), item.entry.name).has_value();
  if (item.group != nullptr) return make_link(item, handle->get(), exists);
  if (is_device(item.entry.kind) && !context_.request.special)
    throw Error(ErrorKind::access_denied, "left out: a device of a snapshot that is not trusted")
        .set_hint("restore with trust in the snapshot to get devices");
  make_node(item, handle->get(), exists);
}

bool Deferred::is_right(const Item& item, int directory) {
  const auto node = open_node(directory, item.entry.name);
  if (!node) return false;
  const auto status = status_of(node->get(), item.entry.name);
  if ((status.st_mode & S_IFMT) != type_of(item.entry.kind)) return false;
  if (is_device(item.entry.kind)) return status.st_rdev == item.entry.device;
  return item.entry.kind != EntryKind::symlink ||
         link_target_of(node->get()) == item.entry.link_target;
}

void Deferred::make_node(const Item& item, int directory, bool exists) {
  auto& count = context_.report.count;
  const auto& entry = item.entry;
  const auto path = item.directory->path_of(entry.name);
  bool changed = false;
  if (!exists || !is_right(item, directory)) {
    changed = true;
    if (!context_.request.dry_run) {
      if (exists) refuse_directory(directory, entry.name);
      const auto name = exists ? temporary_name(context_) : entry.name;
      make_under(item, directory, name);
      if (exists) replace_name(directory, name, entry.name, path);
    }
  }
  if (!changed || !context_.request.dry_run) {
    const auto node = open_node(directory, entry.name);
    if (!node) throw Error(ErrorKind::conflict, "it vanished while it was restored");
    const auto status = status_of(node->get(), path);
    if ((status.st_mode & S_IFMT) != type_of(entry.kind) || (changed && status.st_nlink != 1))
      throw Error(ErrorKind::conflict, "something else took its name while it was restored");
    const auto act = context_.request.dry_run || status.st_nlink != 1 ? Metadata::Act::look_only
                                                                      : Metadata::Act::change;
    if (context_.metadata.apply_to_node(node->get(), entry, path, act)) changed = true;
    if (item.group == nullptr) ++(changed ? count.files_written : count.files_unchanged);
  }
  if (changed && item.directory->state() == Directory::State::existing)
    context_.report.changes(path);
}

void Deferred::make_under(const Item& item, int directory, const std::string& name) {
  const auto& entry = item.entry;
  int outcome = 0;
  if (entry.kind == EntryKind::symlink) {
    if (entry.link_target.empty() || entry.link_target.find('\0') != std::string::npos)
      throw Error(ErrorKind::corrupt, "its target cannot be one");
    outcome = ::symlinkat(entry.link_target.c_str(), directory, name.c_str());
  } else {
    outcome = ::mknodat(directory, name.c_str(), type_of(entry.kind) | 0600,
                        static_cast<dev_t>(entry.device));
  }
  if (outcome != 0)
    throw base::system_error(errno, fmt::format("making a {}", name_of(entry.kind)));
}

void Deferred::make_link(const Item& item, int directory, bool exists) {
  const HardLinkGroup& group = *item.group;
  const auto path = item.directory->path_of(item.entry.name);
  if (context_.request.dry_run) {
    if (!exists) context_.report.changes(path);
    return;
  }
  if (!group.done)
    throw Error(ErrorKind::conflict,
                fmt::format("left out: '{}', the same file, could not be restored", group.name));
  const auto first_directory = context_.handles.open(*group.directory);
  const auto first = open_node(first_directory->get(), group.name);
  struct stat status{};
  if (first) status = status_of(first->get(), path);
  if (!first || status.st_dev != group.device || status.st_ino != group.inode)
    throw Error(ErrorKind::conflict, "left out: its other name was changed while it was restored");
  auto& count = context_.report.count;
  if (exists) {
    const auto there = status_at(directory, item.entry.name);
    if (there && there->st_dev == status.st_dev && there->st_ino == status.st_ino) {
      ++count.files_unchanged;
      return;
    }
    refuse_directory(directory, item.entry.name);
  }
  const auto name = exists ? temporary_name(context_) : item.entry.name;
  // By the handle that was checked, not by the name, which may have changed since.
  const auto source = fmt::format("/proc/self/fd/{}", first->get());
  if (::linkat(AT_FDCWD, source.c_str(), directory, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
    throw base::system_error(errno, "linking it to its other name");
  if (exists) replace_name(directory, name, item.entry.name, path);
  ++count.files_written;
  if (item.directory->state() == Directory::State::existing) context_.report.changes(path);
}

}  // namespace holdfast::restore
