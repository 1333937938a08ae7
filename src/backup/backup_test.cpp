#include "backup/backup.hpp"

#include "backup_testing.hpp"
#include "file_batch.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <sys/stat.h>

namespace holdfast::backup {
namespace {

namespace fs = std::filesystem;

class BackupTest : public ::testing::Test {
protected:
  void make_small_site() {
    fs::create_directories(site_.path("a/b/c"));
    site_.write("a/one.txt", "one");
    site_.write("a/b/two.txt", "two");
    site_.write("a/b/c/three.txt", std::string(100'000, 'x'));
    site_.write("empty", "");
    fs::create_symlink("a/one.txt", site_.path("link"));
  }
  std::string top() const { return "/" + fs::path(site_.path()).filename().string(); }
  const base::ChunkId& tree_of(const BackupResult& result) {
    return result.snapshot.items.at(0).root.tree.value();
  }
  /// All nodes below `tree` by path. Trees of equal content may have other pages: overlays.
  std::map<std::string, repository::Node> nodes_of(const base::ChunkId& tree) {
    std::map<std::string, repository::Node> nodes;
    collect(tree, "", nodes);
    return nodes;
  }
  void collect(const base::ChunkId& tree, const std::string& path,
               std::map<std::string, repository::Node>& nodes) {
    std::vector<std::pair<std::string, base::ChunkId>> below;
    repository::read_tree(tree, site_.repository().chunks(), [&](repository::Node&& node) {
      const auto name = path + "/" + node.entry.name;
      if (node.tree) below.emplace_back(name, *node.tree);
      node.tree.reset();
      nodes.emplace(name, std::move(node));
      return true;
    });
    for (const auto& [name, child] : below)
      collect(child, name, nodes);
  }

  TestSite site_;
};

TEST_F(BackupTest, EverythingIsInTheSnapshot) {
  make_small_site();
  const auto result = site_.back_up();
  EXPECT_EQ(result.snapshot.kind, repository::SnapshotKind::full);
  const auto found = site_.contents(result.snapshot);
  const std::map<std::string, std::string> expected = {
      {top(), ""},
      {top() + "/a", ""},
      {top() + "/a/b", ""},
      {top() + "/a/b/c", ""},
      {top() + "/a/b/c/three.txt", std::string(100'000, 'x')},
      {top() + "/a/b/two.txt", "two"},
      {top() + "/a/one.txt", "one"},
      {top() + "/empty", ""},
      {top() + "/link", "a/one.txt"}};
  EXPECT_EQ(found, expected);
  EXPECT_EQ(result.snapshot.statistics.files, 5U);
  EXPECT_EQ(result.snapshot.statistics.directories, 4U);
  EXPECT_EQ(result.snapshot.statistics.problems, 0U);
}

TEST_F(BackupTest, AnUnchangedSiteIsNotReadAndKeepsItsTree) {
  make_small_site();
  const auto first = site_.back_up();
  const auto second = site_.back_up();
  EXPECT_EQ(second.snapshot.kind, repository::SnapshotKind::incremental);
  EXPECT_EQ(second.snapshot.parent, first.snapshot.id);
  EXPECT_EQ(second.snapshot.statistics.files_new, 0U);
  EXPECT_EQ(second.snapshot.statistics.bytes_read, 0U);
  EXPECT_EQ(second.snapshot.statistics.bytes_stored, 0U);
  EXPECT_EQ(tree_of(second), tree_of(first));
}

TEST_F(BackupTest, OnlyWhatChangedIsRead) {
  make_small_site();
  site_.back_up();
  site_.write("a/b/two.txt", "changed");
  site_.write("a/new", "new");
  fs::remove(site_.path("a/one.txt"));
  fs::rename(site_.path("empty"), site_.path("renamed"));
  const auto result = site_.back_up();
  EXPECT_EQ(result.snapshot.statistics.files_new, 3U);
  auto found = site_.contents(result.snapshot);
  EXPECT_EQ(found.at(top() + "/a/b/two.txt"), "changed");
  EXPECT_EQ(found.at(top() + "/a/new"), "new");
  EXPECT_EQ(found.count(top() + "/a/one.txt"), 0U);
  EXPECT_EQ(found.count(top() + "/renamed"), 1U);
  EXPECT_EQ(found.at(top() + "/a/b/c/three.txt"), std::string(100'000, 'x'));

  // What was put together from kept and new parts is what a run that knows nothing stores.
  auto full = site_.request();
  full.kind = repository::SnapshotKind::full;
  full.items.push_back(site_.files());
  EXPECT_TRUE(nodes_of(tree_of(site_.back_up(std::move(full)))) == nodes_of(tree_of(result)));
}

TEST_F(BackupTest, ManyRunsWithChangesStayEqualToAFullOne) {
  make_small_site();
  base::SeededRandom random(5);
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 5; ++i) {
      const auto folder = "a/d" + std::to_string(random.below(4));
      fs::create_directories(site_.path(folder));
      const auto name = folder + "/f" + std::to_string(random.below(30));
      if (random.below(4) == 0) {
        fs::remove_all(site_.path(name));
      } else {
        site_.write(name, TestSite::noise(random.below(2000), random.below(1000)));
      }
    }
    const auto incremental = site_.back_up();
    auto request = site_.request();
    request.site = "other";  // has no memory of its own each second round
    request.kind = repository::SnapshotKind::full;
    request.items.push_back(site_.files());
    const auto full = nodes_of(tree_of(site_.back_up(std::move(request))));
    EXPECT_TRUE(full == nodes_of(tree_of(incremental))) << round;
  }
}

TEST_F(BackupTest, AttributesThatChangeAloneAreTaken) {
  make_small_site();
  site_.back_up();
  ASSERT_EQ(chmod(site_.path("a/one.txt").c_str(), 0711), 0);
  ASSERT_EQ(chmod(site_.path("a/b").c_str(), 0700), 0);
  const auto result = site_.back_up();
  const auto a = repository::find_in_tree(tree_of(result), "a", site_.repository().chunks());
  const auto one = repository::find_in_tree(*a->tree, "one.txt", site_.repository().chunks());
  const auto b = repository::find_in_tree(*a->tree, "b", site_.repository().chunks());
  EXPECT_EQ(one->entry.mode, 0711U);
  EXPECT_EQ(b->entry.mode, 0700U);
}

TEST_F(BackupTest, AForgottenParentMeansEverythingIsReadAgain) {
  make_small_site();
  const auto first = site_.back_up();
  site_.repository().snapshots().forget({first.snapshot.id}, site_.clock().wall_now(), "test");
  const auto second = site_.back_up();
  EXPECT_EQ(second.snapshot.kind, repository::SnapshotKind::full);
  EXPECT_EQ(second.snapshot.statistics.files_new, 5U);
}

TEST_F(BackupTest, LargeFilesAreCutAsASequentialScanCutsThem) {
  const auto text = TestSite::noise(3 * large_file_size + 12'345, 1);
  fs::create_directories(site_.path());
  site_.write("large", text);
  site_.write("large2", text.substr(5'000'000));
  const auto result = site_.back_up();
  const auto node = repository::find_in_tree(tree_of(result), "large", site_.repository().chunks());
  const pipeline::Gear gear(site_.repository().keys().chunker_secret.view(),
                            pipeline::ChunkSizes::for_files());
  std::vector<std::uint32_t> ends;
  pipeline::cut_all(gear, base::as_bytes(text), ends);
  std::vector<base::ChunkId> expected;
  std::uint32_t begin = 0;
  for (const auto end : ends) {
    expected.push_back(
        site_.repository().keys().chunk_id(base::as_bytes(text).subspan(begin, end - begin)));
    begin = end;
  }
  EXPECT_EQ(node->chunks, expected);
  const auto found = site_.contents(result.snapshot);
  EXPECT_TRUE(found.at(top() + "/large") == text);
  EXPECT_TRUE(found.at(top() + "/large2") == text.substr(5'000'000));
}

TEST_F(BackupTest, ASourceThatIsOneFile) {
  site_.write("single", "alone");
  for (int round = 0; round < 2; ++round) {
    auto request = site_.request();
    request.items.push_back(
        {repository::ItemKind::config, sources::open_filesystem(site_.path("single"), {})});
    const auto result = site_.back_up(std::move(request));
    EXPECT_EQ(result.snapshot.items.at(0).root.entry.name, "single");
    EXPECT_EQ(site_.content_of(result.snapshot.items.at(0).root), "alone");
    EXPECT_EQ(result.snapshot.statistics.files_new, round == 0 ? 1U : 0U);
  }
}

TEST_F(BackupTest, SparseFilesKeepTheirHolesAndCostNothing) {
  const auto path = site_.path("sparse");
  site_.write("sparse", "head");
  fs::resize_file(path, 1ULL << 40U);
  const auto result = site_.back_up();
  const auto node =
      repository::find_in_tree(tree_of(result), "sparse", site_.repository().chunks());
  EXPECT_EQ(node->entry.size, 1ULL << 40U);
  ASSERT_EQ(node->entry.holes.size(), 1U);
  EXPECT_LT(result.snapshot.statistics.bytes_read, 1U << 20U);
}

TEST_F(BackupTest, ADryRunStoresNothing) {
  make_small_site();
  auto request = site_.request();
  request.dry_run = true;
  request.items.push_back(site_.files());
  const auto result = site_.back_up(std::move(request));
  EXPECT_EQ(result.snapshot.statistics.files, 5U);
  EXPECT_TRUE(site_.repository().snapshots().list().empty());
  int packs = 0;
  site_.backend().list("packs/", [&](const storage::ObjectInfo&) { ++packs; });
  EXPECT_EQ(packs, 0);
}

TEST_F(BackupTest, AMissingSourceIsNamed) {
  auto request = site_.request();
  request.items.push_back(
      {repository::ItemKind::files, sources::open_filesystem(site_.path("nowhere"), {})});
  try {
    site_.back_up(std::move(request));
    FAIL() << "a backup of nothing succeeded";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::not_found);
    EXPECT_NE(std::string(error.what()).find("nowhere"), std::string::npos);
  }
}

TEST_F(BackupTest, OneMissingSourceOfSeveralMakesTheSnapshotPartial) {
  make_small_site();
  auto request = site_.request();
  request.items.push_back(
      {repository::ItemKind::files, sources::open_filesystem(site_.path("nowhere"), {})});
  request.items.push_back(site_.files());
  const auto result = site_.back_up(std::move(request));
  EXPECT_TRUE(result.snapshot.partial());
  ASSERT_EQ(result.snapshot.problems.size(), 1U);
  EXPECT_EQ(result.snapshot.problems[0].path, site_.path("nowhere"));
  EXPECT_EQ(site_.contents(result.snapshot).size(), 9U);
}

}  // namespace
}  // namespace holdfast::backup
