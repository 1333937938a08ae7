#pragma once

#include "base/random.hpp"
#include "browse/snapshot_view.hpp"
#include "crypto/blake3.hpp"
#include "mount/mount.hpp"
#include "repository/chunk_io.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unordered_map>
#include <utility>
#include <vector>

namespace holdfast::mount {

/// A snapshot that is looked at.
class MountedTree;

/// What an inode is: an entry of a snapshot, or one of the folders and links that lead there.
struct Inode {
  std::uint64_t number = 0;
  browse::Place place;                    // of folders and links too
  MountedTree* tree = nullptr;            // null above snapshots
  const struct Folder* folder = nullptr;  // of directories above snapshots
  std::uint64_t names = 1;                // how many names the file has
  bool is_directory() const { return place.node.entry.kind == sources::EntryKind::directory; }
};
using InodeRef = std::shared_ptr<const Inode>;

/// A directory above snapshots.
struct Folder {
  std::map<std::string, Folder, std::less<>> folders;
  std::map<std::string, std::string, std::less<>> links;                   // to their targets
  std::map<std::string, std::unique_ptr<MountedTree>, std::less<>> trees;  // snapshots
};

/// The inodes of a mount: found by number as long as the kernel knows them.
/// Errors:  those of the chunk source.
/// Threads: any.
class FileTree {
public:
  static constexpr std::uint64_t root_number = 1;

  /// `user` and `group` own what no snapshot tells the owner of.
  FileTree(const MountRequest& request, repository::ChunkSource& chunks, base::Random& random,
           std::uint32_t user, std::uint32_t group);
  ~FileTree();

  /// What the kernel knows as `number`. Errors: not_found when it does not.
  InodeRef inode(std::uint64_t number) const;
  /// What `directory` has under `name`; null when nothing.
  InodeRef find(const Inode& directory, std::string_view name);
  /// All that `directory` has, each with its name.
  using Listed = std::pair<std::string, InodeRef>;
  std::vector<Listed> list(const Inode& directory);

  /// The kernel was told of `inode` once more, or has forgotten it `count` times.
  void remember(const InodeRef& inode);
  void forget(std::uint64_t number, std::uint64_t count);

  /// The attributes as stat(2) has them.
  struct stat attributes(const Inode& inode) const;

private:
  struct Known {
    InodeRef inode;
    std::uint64_t count = 0;
  };

  std::uint64_t number_below(std::uint64_t directory, std::string_view name) const;
  std::uint64_t number_of(base::ByteView what) const;
  InodeRef make(const Inode& directory, std::string_view name, browse::Place place,
                MountedTree* tree);
  InodeRef make_folder(std::uint64_t number, const Folder& folder, std::string_view name) const;
  InodeRef make_link(std::uint64_t number, std::string_view name, const std::string& target) const;
  InodeRef find_in_folder(const Inode& directory, std::string_view name);

  repository::ChunkSource& chunks_;
  const std::uint32_t user_;
  const std::uint32_t group_;
  crypto::Blake3Key salt_{};  // so that nobody can make two paths of one number
  Folder top_;
  std::int64_t newest_seconds_ = 0;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, Known> known_;
};

}  // namespace holdfast::mount
