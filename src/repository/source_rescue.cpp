#include "source_rescue.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "check_findings.hpp"
#include "node_chunks.hpp"
#include "pipeline/chunker.hpp"
#include "repository/snapshot.hpp"
#include "repository/tree.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::repository {

using base::ChunkId;
using base::Error;

namespace {

constexpr std::uint64_t rescued_bytes_max = 1ULL << 30;

class Rescue {
public:
  Rescue(Repository& repository, std::set<ChunkId> lost, const OpenSourceFile& open,
         const std::stop_token& stopping)
      : repository_(repository),
        lost_(std::move(lost)),
        open_(open),
        stopping_(stopping),
        gear_(repository.keys().chunker_secret.view(), pipeline::ChunkSizes::for_files()) {}

  RescuedChunks run() {
    auto snapshots = repository_.snapshots().list([](const auto&, const auto&) {});
    std::ranges::stable_sort(snapshots, std::greater{}, &Snapshot::started);
    for (const auto& snapshot : snapshots) {
      for (const auto& item : snapshot.items) {
        if (item.kind == ItemKind::files || item.kind == ItemKind::config) {
          look_at(item.path, item.root);
        }
        while (!trees_.empty() && !is_done()) {
          const auto tree = std::move(trees_.back());
          trees_.pop_back();
          look_into(tree.path, tree.id);
        }
      }
      if (is_done()) break;
    }
    return std::move(found_);
  }

private:
  struct Tree {
    std::string path;
    ChunkId id;
  };

  bool is_done() const { return lost_.empty() || found_bytes_ >= rescued_bytes_max; }

  void look_into(const std::string& path, const ChunkId& tree) {
    base::check_cancelled(stopping_);
    const auto prefix = path == "/" ? path : path + "/";
    try {
      read_tree(
          tree, repository_.chunks(),
          [&](Node&& node) {
            look_at(prefix + node.entry.name, node);
            return !is_done();
          },
          Lists::detached);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
    }
  }

  void look_at(const std::string& path, const Node& node) {
    if (node.tree) {
      // A directory that several snapshots share is looked into where the newest has it.
      if (seen_.insert(*node.tree).second) trees_.push_back({path, *node.tree});
    } else if (!node.paged && names_lost(node)) {
      read(path);
    }
  }

  bool names_lost(const Node& node) {
    bool named = false;
    try {
      for_each_chunk_of(node, repository_.chunks(),
                        {.content = [&](const ChunkId& id) { named = named || lost_.contains(id); },
                         .metadata = [](const ChunkId&) {}});
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
    }
    return named;
  }

  void read(const std::string& path) {
    if (!read_.insert(path).second) return;
    try {
      if (const auto file = open_(path)) cut(*file);
    } catch (const Error&) {
      return;  // whatever its reason: it gives no more
    }
  }

  void cut(sources::SourceFile& file) {
    pipeline::StreamChunker chunker(gear_);
    std::uint64_t at = 0;
    auto holes = file.find_holes();
    const auto size = file.current().entry.size;
    holes.push_back({size, 0});
    for (const auto& hole : holes) {
      while (at < std::min(hole.offset, size)) {
        base::check_cancelled(stopping_);
        auto space = chunker.space();
        space = space.first(std::min<std::uint64_t>(space.size(), hole.offset - at));
        const auto count = file.read_at(at, space);
        chunker.added(count);
        take_all(chunker);
        if (count == 0) break;
        at += count;
      }
      at = hole.offset + hole.length;
    }
    take(chunker.rest());
  }

  void take_all(pipeline::StreamChunker& chunker) {
    for (auto chunk = chunker.next(); !chunk.empty(); chunk = chunker.next())
      take(chunk);
  }

  void take(base::ByteView chunk) {
    if (chunk.empty() || is_done()) return;
    const auto id = repository_.keys().chunk_id(chunk);
    if (lost_.erase(id) == 0) return;
    found_bytes_ += chunk.size();
    found_.emplace(id, base::copy_of(chunk));
  }

  Repository& repository_;
  std::set<ChunkId> lost_;
  const OpenSourceFile& open_;
  const std::stop_token& stopping_;
  const pipeline::Gear gear_;
  std::vector<Tree> trees_;
  std::set<ChunkId> seen_;
  std::set<std::string> read_;
  RescuedChunks found_;
  std::uint64_t found_bytes_ = 0;
};

}  // namespace

RescuedChunks rescue_from_source(Repository& repository, std::set<ChunkId> lost,
                                 const OpenSourceFile& open, const std::stop_token& stopping) {
  return Rescue(repository, std::move(lost), open, stopping).run();
}

}  // namespace holdfast::repository
