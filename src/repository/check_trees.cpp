// The walk over all snapshots. What it remembers is one bit a chunk, by the chunk's number in the
// index: a subtree that was seen is not read again, and most of a snapshot is the one before.
#include "check_trees.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "index_segment.hpp"
#include "node_chunks.hpp"
#include "repository/chunk_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace holdfast::repository {

using base::ChunkId;
using base::Error;

namespace {

/// Ids looked up at once: enough that neighbours share pages of the index.
constexpr std::size_t batch_max = 4096;
/// Paths in reports are for people; trees may be deeper than any of them reads.
constexpr std::size_t path_size_max = 4096;

std::string snapshot_object_name(const Snapshot& snapshot) {
  return "snapshots/" + snapshot.id.hex();
}

std::string describe(const Snapshot& snapshot, const std::string& path) {
  return snapshot.id.short_hex() + ":" + path;
}

std::string join(const std::string& path, const std::string& name) {
  if (path.size() + name.size() > path_size_max) return path;
  return path + "/" + name;
}

struct TreeToRead {
  const Snapshot* snapshot = nullptr;
  std::string path;
  ChunkId tree;
};

/// Directories that wait to be read. The last found is read first, so that few wait.
class TreeQueue {
public:
  explicit TreeQueue(std::vector<TreeToRead> first) : waiting_(std::move(first)) {}

  /// Nothing when all is read. Who gets a tree must call done() next.
  std::optional<TreeToRead> next(const std::stop_token& stopping) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stopping, [&] { return !waiting_.empty() || reading_ == 0; })) {
      throw base::Cancelled();
    }
    if (waiting_.empty()) return std::nullopt;
    ++reading_;
    auto tree = std::move(waiting_.back());
    waiting_.pop_back();
    return tree;
  }
  void done(std::vector<TreeToRead> found) {
    const std::lock_guard lock(mutex_);
    --reading_;
    for (auto& tree : found)
      waiting_.push_back(std::move(tree));
    changed_.notify_all();
  }

private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<TreeToRead> waiting_;
  std::size_t reading_ = 0;
};

/// One bit a chunk of the index.
class SeenChunks {
public:
  explicit SeenChunks(std::uint64_t chunks) : words_(chunks / 64 + 1) {}
  /// Whether it was seen before; from now on it is.
  bool test_and_set(std::uint64_t number) {
    const auto bit = std::uint64_t{1} << (number % 64);
    return (words_.at(number / 64).fetch_or(bit) & bit) != 0;
  }
  bool test(std::uint64_t number) const {
    return (words_.at(number / 64).load() >> (number % 64) & 1) != 0;
  }

private:
  std::vector<std::atomic<std::uint64_t>> words_;
};

/// Where a metadata chunk stands, for the name of what is damaged.
std::string holder_of(Repository& repository, const ChunkId& id, const Snapshot& snapshot) {
  const auto location = repository.index().find(id);
  if (!location) return snapshot_object_name(snapshot);
  return pack_object_name(repository.index().pack(location->segment.pack).id);
}

/// Reads directories for one thread.
class TreeChecker {
public:
  TreeChecker(Repository& repository, SeenChunks& seen, CheckFindings& findings)
      : repository_(repository), seen_(seen), findings_(findings), chunks_(repository) {}

  std::vector<TreeToRead> read(const TreeToRead& tree);
  /// A node, and what it needs; adds the directory below it to `found`.
  void check_node(const Snapshot& snapshot, const std::string& path, const Node& node,
                  std::vector<TreeToRead>& found);
  void look_up(const Snapshot& snapshot);

private:
  void note(const Snapshot& snapshot, const std::string& path, const ChunkId& id,
            const Error& error);
  bool is_new(const ChunkId& tree);
  void end_path(const std::string& path);

  Repository& repository_;
  SeenChunks& seen_;
  CheckFindings& findings_;
  ChunkReader chunks_;
  std::vector<ChunkId> wanted_;
  std::vector<std::string> wanted_paths_;        // of the nodes that want them
  std::vector<std::uint32_t> wanted_path_ends_;  // paths[i] wants the ids below ends[i]
};

void TreeChecker::note(const Snapshot& snapshot, const std::string& path, const ChunkId& id,
                       const Error& error) {
  if (!is_damage(error)) throw error;
  const auto object = holder_of(repository_, id, snapshot);
  findings_.add(object, error.what());
  findings_.add_affected(object, describe(snapshot, path));
}

bool TreeChecker::is_new(const ChunkId& tree) {
  const auto number = repository_.index().number_of(tree);
  return !number || !seen_.test_and_set(*number);
}

void TreeChecker::check_node(const Snapshot& snapshot, const std::string& path, const Node& node,
                             std::vector<TreeToRead>& found) {
  if (node.tree && is_new(*node.tree)) found.push_back({&snapshot, path, *node.tree});
  auto reading = node.tree.value_or(ChunkId{});
  try {
    for_each_chunk_of(node, chunks_,
                      {.content =
                           [&](const ChunkId& id) {
                             wanted_.push_back(id);
                             if (wanted_.size() >= batch_max) {
                               end_path(path);
                               look_up(snapshot);
                             }
                           },
                       .metadata = [&](const ChunkId& id) { reading = id; }});
  } catch (const Error& error) {
    note(snapshot, path, reading, error);
  }
  end_path(path);
  if (wanted_.size() >= batch_max) look_up(snapshot);
}

/// What was gathered since the last call is wanted by `path`.
void TreeChecker::end_path(const std::string& path) {
  const auto end = static_cast<std::uint32_t>(wanted_.size());
  if (end == (wanted_path_ends_.empty() ? 0 : wanted_path_ends_.back())) return;
  wanted_paths_.push_back(path);
  wanted_path_ends_.push_back(end);
}

/// Asks the index for what was gathered.
void TreeChecker::look_up(const Snapshot& snapshot) {
  const auto found = repository_.index().find_all(wanted_);
  std::size_t owner = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    while (i >= wanted_path_ends_[owner])
      ++owner;
    if (found[i]) continue;
    const auto object = snapshot_object_name(snapshot);
    findings_.add(object, "some of its chunks are in no index segment");
    findings_.add_affected(object, describe(snapshot, wanted_paths_[owner]));
  }
  wanted_.clear();
  wanted_paths_.clear();
  wanted_path_ends_.clear();
}

std::vector<TreeToRead> TreeChecker::read(const TreeToRead& tree) {
  std::vector<TreeToRead> found;
  try {
    read_tree(
        tree.tree, chunks_,
        [&](Node&& node) {
          check_node(*tree.snapshot, join(tree.path, node.entry.name), node, found);
          return true;
        },
        Lists::detached);
  } catch (const Error& error) {
    note(*tree.snapshot, tree.path, tree.tree, error);
  }
  look_up(*tree.snapshot);
  return found;
}

/// Follows what is lost up to the snapshots: a subtree without loss is remembered and not read
/// again, one with loss is read for every snapshot that has it.
class AffectedFinder {
public:
  AffectedFinder(Repository& repository, CheckFindings& findings)
      : repository_(repository),
        findings_(findings),
        chunks_(repository),
        whole_(repository.index().chunk_count()) {}

  void search(const Snapshot& snapshot, const std::stop_token& stopping);

private:
  struct Frame {
    std::string path;
    ChunkId tree;
    std::vector<std::pair<std::string, ChunkId>> below;
    bool hurt = false;
  };
  bool blame(const ChunkId& id, const std::string& who);
  bool node_is_hurt(const Snapshot& snapshot, const std::string& path, const Node& node);
  Frame enter(const Snapshot& snapshot, std::string path, const ChunkId& tree);
  void walk(const Snapshot& snapshot, const std::string& path, const ChunkId& tree,
            const std::stop_token& stopping);

  Repository& repository_;
  CheckFindings& findings_;
  ChunkReader chunks_;
  SeenChunks whole_;
};

/// True when the chunk is lost, in all its places; then `who` is named as needing their packs.
bool AffectedFinder::blame(const ChunkId& id, const std::string& who) {
  const auto& index = repository_.index();
  const auto is_lost = [&](const ChunkLocation& at) {
    return findings_.lost(index.pack(at.segment.pack).id, at.segment.position);
  };
  const auto location = index.find(id);
  if (!location) return true;
  if (!is_lost(*location)) return false;
  const auto copies = index.find_copies(id);
  if (!std::ranges::all_of(copies, is_lost)) return false;
  for (const auto& copy : copies)
    findings_.add_affected(pack_object_name(index.pack(copy.segment.pack).id), who);
  return true;
}

bool AffectedFinder::node_is_hurt(const Snapshot& snapshot, const std::string& path,
                                  const Node& node) {
  const auto who = describe(snapshot, path);
  bool hurt = false;
  const auto ask = [&](const ChunkId& id) { hurt |= blame(id, who); };
  try {
    for_each_chunk_of(node, chunks_, {.content = ask, .metadata = ask});
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    hurt = true;
  }
  return hurt;
}

AffectedFinder::Frame AffectedFinder::enter(const Snapshot& snapshot, std::string path,
                                            const ChunkId& tree) {
  Frame frame{std::move(path), tree, {}, false};
  const auto who = describe(snapshot, frame.path);
  try {
    for_each_tree_page(tree, chunks_, [&](const ChunkId& page) { frame.hurt |= blame(page, who); });
    read_tree(
        tree, chunks_,
        [&](Node&& node) {
          const auto below = join(frame.path, node.entry.name);
          frame.hurt |= node_is_hurt(snapshot, below, node);
          if (node.tree) frame.below.emplace_back(below, *node.tree);
          return true;
        },
        Lists::detached);
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    frame.hurt = true;
  }
  return frame;
}

void AffectedFinder::walk(const Snapshot& snapshot, const std::string& path, const ChunkId& tree,
                          const std::stop_token& stopping) {
  std::vector<Frame> frames;
  frames.push_back(enter(snapshot, path, tree));
  while (!frames.empty()) {
    base::check_cancelled(stopping);
    auto& frame = frames.back();
    if (!frame.below.empty()) {
      const auto [below, id] = std::move(frame.below.back());
      frame.below.pop_back();
      const auto number = repository_.index().number_of(id);
      if (!number || !whole_.test(*number)) frames.push_back(enter(snapshot, below, id));
      continue;
    }
    const bool hurt = frame.hurt;
    const auto number = repository_.index().number_of(frame.tree);
    if (!hurt && number) whole_.test_and_set(*number);
    frames.pop_back();
    if (!frames.empty()) frames.back().hurt |= hurt;
  }
}

void AffectedFinder::search(const Snapshot& snapshot, const std::stop_token& stopping) {
  for (const auto& item : snapshot.items) {
    node_is_hurt(snapshot, item.path, item.root);
    if (item.root.tree) walk(snapshot, item.path, *item.root.tree, stopping);
  }
}

}  // namespace

void check_trees(Repository& repository, const std::vector<Snapshot>& snapshots, unsigned threads,
                 base::ProgressObserver& progress, CheckFindings& findings,
                 std::stop_token stopping) {
  SeenChunks seen(repository.index().chunk_count());
  std::vector<TreeToRead> roots;
  TreeChecker checker(repository, seen, findings);
  for (const auto& snapshot : snapshots) {
    for (const auto& item : snapshot.items)
      checker.check_node(snapshot, item.path, item.root, roots);
    checker.look_up(snapshot);
  }
  TreeQueue queue(std::move(roots));
  std::atomic<std::uint64_t> directories = 0;
  base::TaskGroup group(std::move(stopping));
  for (unsigned i = 0; i < threads; ++i) {
    group.spawn([&](const std::stop_token& token) {
      TreeChecker reader(repository, seen, findings);
      while (const auto tree = queue.next(token)) {
        queue.done(reader.read(*tree));
        base::Progress now;
        now.phase = "check";
        now.items_done = ++directories;
        now.current = tree->path;
        progress.on_progress(now);
      }
    });
  }
  group.join();
}

void find_affected(Repository& repository, const std::vector<Snapshot>& snapshots,
                   CheckFindings& findings, std::stop_token stopping) {
  AffectedFinder finder(repository, findings);
  for (const auto& snapshot : snapshots)
    finder.search(snapshot, stopping);
}

}  // namespace holdfast::repository
