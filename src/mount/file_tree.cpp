#include "file_tree.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "base/units.hpp"
#include "browse/hard_links.hpp"
#include "browse/listing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>

namespace holdfast::mount {

namespace {

using browse::Place;
using sources::EntryKind;

constexpr std::uint64_t stat_block = 512;
constexpr std::uint32_t preferred_read = 128 * 1024;

/// A site as one path component: names are the repository's, and may be anything.
std::string component_of(const std::string& site) {
  std::string name;
  for (const char c : site) {
    if (c == '/' || c == '%' || c == '\0')
      name += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    else
      name += c;
  }
  return name.empty() || name == "." || name == ".." || name == "latest" ? "%" + name : name;
}

}  // namespace

/// Files with several names are counted by walking the snapshot, when the first of them is met.
class MountedTree {
public:
  explicit MountedTree(const repository::Snapshot& snapshot)
      : snapshot_(snapshot), view_(snapshot) {}

  const repository::Snapshot& snapshot() const { return snapshot_; }
  const browse::SnapshotView& view() const { return view_; }

  /// What all names of one file, and nothing else, have in common.
  using Group = std::pair<const repository::SnapshotItem*, base::Hash>;
  static Group group_of(const Place& place) {
    crypto::Blake3 hash;
    base::Bytes number;
    base::put_le<std::uint64_t>(number, place.node.entry.hard_link);
    hash.update(number);
    hash.update(browse::content_identity(place.node).view());
    return {place.item, hash.finish()};
  }

  std::uint64_t names_of(const Group& group, repository::ChunkSource& chunks) {
    const auto counts = counted(chunks);
    const auto found = counts->find(group);
    return found == counts->end() ? 1 : found->second;
  }

private:
  using Counts = std::map<Group, std::uint64_t>;

  std::shared_ptr<const Counts> counted(repository::ChunkSource& chunks) {
    {
      const std::lock_guard lock(mutex_);
      if (counts_) return counts_;
    }
    // Two threads may both count at first: that costs time once, and no lock is held meanwhile.
    auto counts = std::make_shared<Counts>();
    browse::list_below(view_, view_.root(), "/", chunks,
                       [&](const std::string&, const Place& place) {
                         if (place.node.entry.hard_link != 0) ++(*counts)[group_of(place)];
                         return browse::Descend::yes;
                       });
    const std::lock_guard lock(mutex_);
    counts_ = counts;
    return counts;
  }

  const repository::Snapshot& snapshot_;
  const browse::SnapshotView view_;
  std::mutex mutex_;
  std::shared_ptr<const Counts> counts_;
};

FileTree::FileTree(const MountRequest& request, repository::ChunkSource& chunks,
                   base::Random& random, std::uint32_t user, std::uint32_t group)
    : chunks_(chunks), user_(user), group_(group) {
  random.fill(salt_);
  auto& by_id = top_.folders["ids"];
  auto& by_name = top_.folders["snapshots"];
  auto& by_site = top_.folders["sites"];
  for (const auto& [snapshot, name] : request.snapshots) {
    const auto id = snapshot->id.hex();
    by_id.trees.emplace(id, std::make_unique<MountedTree>(*snapshot));
    newest_seconds_ = std::max(newest_seconds_, snapshot->started.seconds);
    if (name.empty()) continue;
    by_name.links[name] = "../ids/" + id;
    auto& site = by_site.folders[component_of(snapshot->site)];
    site.links[name] = "../../ids/" + id;
    site.links["latest"] = name;
    top_.links["latest"] = "snapshots/" + name;
  }
  remember(make_folder(root_number, top_, ""));
}

FileTree::~FileTree() = default;

InodeRef FileTree::inode(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(number);
  if (found == known_.end())
    throw base::Error(base::ErrorKind::not_found, fmt::format("there is no inode {}", number));
  return found->second.inode;
}

void FileTree::remember(const InodeRef& inode) {
  const std::lock_guard lock(mutex_);
  auto& known = known_[inode->number];
  if (!known.inode) known.inode = inode;
  ++known.count;
}

void FileTree::forget(std::uint64_t number, std::uint64_t count) {
  InodeRef last;  // freed when nothing is locked any more
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(number);
  if (found == known_.end() || number == root_number) return;
  found->second.count -= std::min(found->second.count, count);
  if (found->second.count > 0) return;
  last = std::move(found->second.inode);
  known_.erase(found);
}

std::uint64_t FileTree::number_of(base::ByteView what) const {
  const auto number = crypto::blake3_keyed(salt_, what).prefix64();
  return number > root_number ? number : number + root_number + 1;  // 0 is none
}

std::uint64_t FileTree::number_below(std::uint64_t directory, std::string_view name) const {
  base::Bytes what;
  base::put_le<std::uint64_t>(what, directory);
  base::append(what, base::as_bytes(name));
  return number_of(what);
}

InodeRef FileTree::make_folder(std::uint64_t number, const Folder& folder,
                               std::string_view name) const {
  auto inode = std::make_shared<Inode>();
  inode->number = number;
  inode->folder = &folder;
  auto& entry = inode->place.node.entry;
  entry.name = name;
  entry.kind = EntryKind::directory;
  entry.mode = 0555;
  entry.user_id = user_;
  entry.group_id = group_;
  entry.mtime_seconds = newest_seconds_;
  return inode;
}

InodeRef FileTree::make_link(std::uint64_t number, std::string_view name,
                             const std::string& target) const {
  auto inode = std::make_shared<Inode>();
  inode->number = number;
  auto& entry = inode->place.node.entry;
  entry.name = name;
  entry.kind = EntryKind::symlink;
  entry.mode = 0777;
  entry.user_id = user_;
  entry.group_id = group_;
  entry.mtime_seconds = newest_seconds_;
  entry.link_target = target;
  return inode;
}

InodeRef FileTree::make(const Inode& directory, std::string_view name, Place place,
                        MountedTree* tree) {
  auto inode = std::make_shared<Inode>();
  inode->tree = tree;
  inode->number = number_below(directory.number, name);
  auto& entry = place.node.entry;
  if (!place.recorded) {  // leads to what was taken; nobody looked at it
    entry.user_id = user_;
    entry.group_id = group_;
    entry.mtime_seconds = tree->snapshot().started.seconds;
  }
  if (entry.hard_link != 0) {
    const auto group = MountedTree::group_of(place);
    base::Bytes what = base::copy_of(tree->snapshot().id.view());
    base::append(what, base::as_bytes(place.item->path));
    base::append(what, group.second.view());
    inode->number = number_of(what);
    inode->names = tree->names_of(group, chunks_);
  }
  inode->place = std::move(place);
  return inode;
}

InodeRef FileTree::find_in_folder(const Inode& directory, std::string_view name) {
  const auto& folder = *directory.folder;
  const auto number = number_below(directory.number, name);
  if (const auto found = folder.folders.find(name); found != folder.folders.end())
    return make_folder(number, found->second, name);
  if (const auto found = folder.links.find(name); found != folder.links.end())
    return make_link(number, name, found->second);
  if (const auto found = folder.trees.find(name); found != folder.trees.end())
    return make(directory, name, found->second->view().root(), found->second.get());
  return nullptr;
}

InodeRef FileTree::find(const Inode& directory, std::string_view name) {
  if (directory.folder != nullptr) return find_in_folder(directory, name);
  if (!directory.is_directory()) return nullptr;
  auto place = directory.tree->view().find(directory.place, name, chunks_);
  if (!place) return nullptr;
  return make(directory, name, std::move(*place), directory.tree);
}

std::vector<FileTree::Listed> FileTree::list(const Inode& directory) {
  std::vector<Listed> entries;
  if (directory.folder != nullptr) {
    const auto add = [&](const auto& named) {
      for (const auto& [name, value] : named)
        entries.emplace_back(name, find_in_folder(directory, name));
    };
    add(directory.folder->folders);
    add(directory.folder->links);
    add(directory.folder->trees);
    return entries;
  }
  if (!directory.is_directory()) return entries;
  directory.tree->view().list(directory.place, chunks_, [&](Place&& place) {
    auto name = place.node.entry.name;
    auto inode = make(directory, name, std::move(place), directory.tree);
    entries.emplace_back(std::move(name), std::move(inode));
    return true;
  });
  return entries;
}

struct stat FileTree::attributes(const Inode& inode) const {
  const auto& node = inode.place.node;
  const auto& entry = node.entry;
  struct stat status{};
  status.st_ino = inode.number;
  status.st_mode = type_of(entry.kind) | entry.mode;
  status.st_nlink = inode.names;
  status.st_uid = entry.user_id;
  status.st_gid = entry.group_id;
  status.st_rdev = entry.device;
  status.st_blksize = preferred_read;
  status.st_mtim = {entry.mtime_seconds, static_cast<long>(entry.mtime_nanoseconds)};
  status.st_atim = status.st_mtim;
  status.st_ctim = status.st_mtim;
  const auto size = entry.kind == EntryKind::symlink ? entry.link_target.size() : entry.size;
  status.st_size = static_cast<off_t>(size);
  std::uint64_t data = entry.size;
  std::vector<sources::Hole> attached;
  const auto* holes = &entry.holes;
  if (node.hole_list) {
    auto whole = node;
    repository::attach_lists(whole, chunks_);
    attached = std::move(whole.entry.holes);
    holes = &attached;
  }
  for (const auto& hole : *holes)
    data -= std::min(data, hole.length);
  status.st_blocks = static_cast<blkcnt_t>((data + stat_block - 1) / stat_block);
  return status;
}

}  // namespace holdfast::mount
