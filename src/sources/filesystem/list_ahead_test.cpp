#include "sources/filesystem/list_ahead.hpp"

#include "test_tree.hpp"

#include <filesystem>
#include <fstream>

namespace holdfast::sources::test {
namespace {

/// Every path below a source with its size, by listing it as a run does.
void collect(SourceDirectory& directory, std::map<std::string, std::uint64_t>& found,
             std::vector<std::string>& problems) {
  const auto sink = [&](ItemProblem problem) { problems.push_back(std::move(problem.path)); };
  for (const auto& listed : directory.list(sink)) {
    found[directory.path() + "/" + listed.entry.name] = listed.entry.size;
    if (listed.entry.kind == EntryKind::directory) {
      collect(*directory.open_directory(listed), found, problems);
    } else {
      EXPECT_EQ(directory.open_file(listed)->current().entry.size, listed.entry.size);
    }
  }
}

std::map<std::string, std::uint64_t> all_of(TreeSource& source) {
  std::map<std::string, std::uint64_t> found;
  std::vector<std::string> problems;
  collect(*source.open_root(), found, problems);
  EXPECT_TRUE(problems.empty());
  return found;
}

class ListAheadTest : public ::testing::Test {
protected:
  ListAheadTest() {
    for (int i = 0; i < 40; ++i) {
      const auto folder = tree_.at("d" + std::to_string(i % 7) + "/e" + std::to_string(i));
      std::filesystem::create_directories(folder);
      for (int file = 0; file < i; ++file) {
        std::ofstream(folder + "/f" + std::to_string(file))
            << std::string(static_cast<std::size_t>(file), 'x');
      }
    }
  }
  std::unique_ptr<TreeSource> plain() { return open_filesystem(tree_.path(), {}); }

  ScratchTree tree_;
};

TEST_F(ListAheadTest, GivesWhatTheSourceGives) {
  const auto expected = all_of(*plain());
  for (const std::size_t entries_max : {0, 1, 10, 300, 100'000}) {
    for (int round = 0; round < 20; ++round) {
      EXPECT_EQ(all_of(*list_ahead(plain(), entries_max)), expected) << entries_max;
    }
  }
}

TEST_F(ListAheadTest, MayBeDroppedAtAnyTime) {
  for (int round = 0; round < 50; ++round) {
    const auto source = list_ahead(plain(), 100'000);
    if (round % 2 == 0) static_cast<void>(source->open_root());
  }
}

TEST_F(ListAheadTest, AMissingRootIsToldToWhoAsks) {
  const auto source = list_ahead(open_filesystem(tree_.at("nowhere"), {}), 10);
  EXPECT_THROW(source->root([](const ItemProblem&) {}), base::Error);
  EXPECT_THROW(source->open_root(), base::Error);
}

TEST_F(ListAheadTest, ARootThatIsAFile) {
  tree_.write("single", "text");
  const auto source = list_ahead(open_filesystem(tree_.at("single"), {}), 10);
  EXPECT_EQ(source->root([](const ItemProblem&) {}).entry.size, 4U);
  EXPECT_EQ(source->open_root_file()->current().entry.size, 4U);
}

}  // namespace
}  // namespace holdfast::sources::test
