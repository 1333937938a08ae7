#pragma once

#include "base/fd.hpp"
#include "sources/entry.hpp"

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace holdfast::restore {

class Directory;
/// Shared: its entries, which different threads restore, and its subdirectories need it until the
/// last of them is done; nobody knows beforehand which that is.
using DirectoryRef = std::shared_ptr<Directory>;

/// A directory of the target while it is restored. It is known by its parent and name, never by a
/// path from the top: handles are opened step by step beneath the target.
class Directory {
public:
  /// `made`: by this run, and private (0700) until it is finished, so nobody else is in it.
  /// `existing`: was there. `absent`: would be made, in a dry run.
  enum class State : std::uint8_t { made, existing, absent };

  Directory(DirectoryRef parent, std::string name, State state, std::uint64_t number);
  ~Directory();

  const DirectoryRef& parent() const { return parent_; }
  const std::string& name() const { return name_; }
  State state() const { return state_; }
  std::uint64_t number() const { return number_; }
  /// For messages: the root's name is a whole path.
  std::string path() const;
  std::string path_of(const std::string& name) const;

  /// What it gets when everything in it is done; nothing: it stays as it is.
  std::unique_ptr<sources::Entry> entry;

  /// Things that must be done before the directory is finished: entries, subdirectories, the walk.
  void hold() { holds_.fetch_add(1, std::memory_order_relaxed); }
  /// Whether that was the last.
  [[nodiscard]] bool release() { return holds_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

private:
  DirectoryRef parent_;
  const std::string name_;
  const State state_;
  const std::uint64_t number_;
  std::atomic<std::uint64_t> holds_{1};
};

/// Open handles of directories, the least recently used closed first.
/// Threads: any.
class DirectoryHandles {
public:
  using Handle = std::shared_ptr<const base::Fd>;  // stays open while somebody works in it

  /// `root` is the handle of the target directory itself.
  explicit DirectoryHandles(base::Fd root);

  /// Errors: conflict when a symlink or something else stands where a directory was.
  Handle open(const Directory& directory);
  /// For a directory that will not be used again soon.
  void forget(const Directory& directory);
  const Handle& root() const { return root_; }

private:
  Handle find(const Directory& directory);
  void keep(const Directory& directory, const Handle& handle);

  const Handle root_;
  std::mutex mutex_;
  std::list<std::pair<std::uint64_t, Handle>> recent_;  // newest first
  std::unordered_map<std::uint64_t, std::list<std::pair<std::uint64_t, Handle>>::iterator> known_;
};

}  // namespace holdfast::restore
