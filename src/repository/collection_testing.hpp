// A repository with small snapshots whose content is known, for tests of the collection of garbage.
#pragma once

#include "base/error.hpp"
#include "base/progress.hpp"
#include "repository/check.hpp"
#include "repository/prune.hpp"
#include "repository/repository_testing.hpp"
#include "repository/tree.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace holdfast::repository {

/// Files by name; the content follows from a number.
using TestFiles = std::map<std::string, base::Bytes>;

inline TestFiles files(const std::vector<int>& numbers, std::size_t size = 20'000) {
  TestFiles made;
  for (const auto number : numbers) {
    base::Bytes bytes(size);
    base::SeededRandom(static_cast<std::uint64_t>(number) + 1000).fill(bytes);
    made["f" + std::to_string(number)] = std::move(bytes);
  }
  return made;
}

inline Node file_node_of(const std::string& name, std::size_t size, const base::ChunkId& chunk) {
  Node node;
  node.entry.name = name;
  node.entry.kind = sources::EntryKind::file;
  node.entry.size = size;
  node.chunks = {chunk};
  return node;
}

inline Node directory_node_of(const std::string& name, const base::ChunkId& tree) {
  Node node;
  node.entry.name = name;
  node.entry.kind = sources::EntryKind::directory;
  node.tree = tree;
  return node;
}

/// A run that has begun.
struct RunningBackup {
  Repository* repository = nullptr;
  std::unique_ptr<WriteSession> session;
  Snapshot snapshot;
  TestFiles content;
};

/// Stores `content` as a tree of two levels and makes it the item of the snapshot.
inline void store_files(RunningBackup& run, TestFiles content) {
  auto& session = *run.session;
  const auto& keys = run.repository->keys();
  pipeline::SegmentCodec codec(1);
  pipeline::SegmentBuilder segment(64 * 1024);
  constexpr auto data = pipeline::PackKind::data;
  std::vector<Node> nodes;
  for (const auto& [name, bytes] : content) {
    const auto id = keys.chunk_id(bytes);
    if (session.claim(id)) {
      if (segment.should_seal_before(bytes.size())) session.store(data, segment, codec);
      segment.add(id, bytes);
    }
    nodes.push_back(file_node_of(name, bytes.size(), id));
  }
  if (!segment.empty()) session.store(data, segment, codec);
  MetadataWriter trees(session, keys, 1);
  const auto below = write_tree(nodes, trees);
  const std::vector<Node> above = {directory_node_of("d", below)};
  SnapshotItem item;
  item.path = "/top";
  item.root = directory_node_of("top", write_tree(above, trees));
  trees.flush();
  run.snapshot.items = {std::move(item)};
  run.content = std::move(content);
}

/// What a snapshot of store_files holds, read back.
inline TestFiles read_files(Repository& repository, const Snapshot& snapshot) {
  TestFiles content;
  auto& chunks = repository.chunks();
  read_tree(*snapshot.items.at(0).root.tree, chunks, [&](Node&& above) {
    read_tree(*above.tree, chunks, [&](Node&& node) {
      content[node.entry.name] = chunks.load(node.chunks.at(0));
      return true;
    });
    return true;
  });
  return content;
}

class CollectionRepository : public TestRepository {
public:
  using TestRepository::TestRepository;
  base::NoProgress progress;
  std::map<base::SnapshotId, TestFiles> expected;
  static WriteOptions write_options() {
    WriteOptions options = small_packs();
    options.pack_size_target = 60'000;
    options.renews_by_thread = false;
    return options;
  }
  static PruneOptions options() {
    PruneOptions options;
    options.pack_size_target = 60'000;
    options.small_pack_bytes = 0;
    options.threads = 1;
    options.renews_by_thread = false;
    return options;
  }
  /// Opened on the store itself, behind whatever faults are planned.
  std::unique_ptr<Repository> behind() {
    return Repository::open(*memory, passphrase, {clock, random, cache.path() + "/behind"});
  }

  std::unique_ptr<RunningBackup> begin(Repository& on, const std::string& site) {
    auto run = std::make_unique<RunningBackup>();
    run->repository = &on;
    run->session = std::make_unique<WriteSession>(on, write_options());
    run->snapshot.site = site;
    run->snapshot.started = clock.wall_now();
    return run;
  }
  enum class Indexed { yes, no };
  static void store(RunningBackup& run, TestFiles content, Indexed indexed = Indexed::yes) {
    store_files(run, std::move(content));
    if (indexed == Indexed::yes) run.session->finish();
  }
  base::SnapshotId commit(RunningBackup& run) {
    const auto id = run.session->commit(run.snapshot);
    expected[id] = run.content;
    run.session.reset();
    return id;
  }
  base::SnapshotId finish(RunningBackup& run, TestFiles content) {
    store(run, std::move(content));
    return commit(run);
  }
  static void abandon(RunningBackup& run) { run.session.reset(); }

  base::SnapshotId back_up(Repository& on, const std::string& site, TestFiles content) {
    const auto run = begin(on, site);
    run->session->builds_on(std::nullopt);
    return finish(*run, std::move(content));
  }
  /// Takes over everything from `parent`; nothing when that is not there any more.
  void back_up_on(Repository& on, const std::string& site, const base::SnapshotId& parent) {
    const auto run = begin(on, site);
    if (!on.snapshots().exists(parent)) return;
    run->session->builds_on(parent);
    run->snapshot.items = on.snapshots().load(parent).items;
    run->snapshot.parent = parent;
    run->content = expected.at(parent);
    run->session->finish();
    commit(*run);
  }
  void forget(Repository& on, const base::SnapshotId& id) {
    on.snapshots().forget({id}, clock.wall_now(), "test");
    expected.erase(id);
  }
  PruneReport prune(Repository& on) {
    const auto chosen = options();
    return apply_prune(on, plan_prune(on, chosen, progress, {}), chosen, progress, {});
  }

  /// Every snapshot is there, holds what it held, and a check finds nothing.
  void expect_all_restore() {
    base::TemporaryDirectory fresh(scratch_parent());
    const auto reader = Repository::open(*memory, passphrase, {clock, random, fresh.path()});
    const auto snapshots = reader->snapshots().list();
    for (const auto& snapshot : snapshots) {
      if (!expected.contains(snapshot.id)) continue;  // committed without being acknowledged
      EXPECT_EQ(read_files(*reader, snapshot), expected.at(snapshot.id));
    }
    EXPECT_GE(snapshots.size(), expected.size());
    const auto report = check(*reader, {.read_data = true, .threads = 1}, progress, {});
    for (const auto& problem : report.problems)
      ADD_FAILURE() << problem.object << ": " << problem.message;
  }
};

template <class Work>
std::optional<base::ErrorKind> kind_of_failure(Work&& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error.kind();
  }
  return std::nullopt;
}

}  // namespace holdfast::repository
