// Trees that are deep, wide, or read by many threads.

#include "base/error.hpp"
#include "test_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <sys/resource.h>
#include <thread>

namespace holdfast::sources {
namespace {

using test::Problems;
using test::ScratchTree;
using testing::IsEmpty;

/// A chain of `depth` directories with names of `name_size` bytes, a file in the last one.
void make_chain(const ScratchTree& tree, int depth, std::size_t name_size) {
  base::Fd at = base::open_file(tree.path(), O_RDONLY | O_DIRECTORY);
  const std::string name(name_size, 'd');
  for (int i = 0; i < depth; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
    at = base::Fd(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at);
  }
  const base::Fd file(::openat(at.get(), "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  base::write_all(file.get(), base::as_bytes("bottom"), "file");
}

/// Removes it again without paths, which would be too long.
void remove_chain(const ScratchTree& tree, int depth, std::size_t name_size) {
  const std::string name(name_size, 'd');
  // Moves each directory up to the root of the tree, then removes what is left: one level at a
  // time.
  base::Fd root = base::open_file(tree.path(), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < depth; ++i) {
    const base::Fd top(::openat(root.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ::unlinkat(top.get(), "file", 0);
    ::renameat(top.get(), name.c_str(), root.get(), "next");
    ::unlinkat(root.get(), name.c_str(), AT_REMOVEDIR);
    ::renameat(root.get(), "next", root.get(), name.c_str());
  }
}

TEST(LargeTree, DeeperThanPathsCanBe) {
  for (const auto& [depth, name_size] : {std::pair(10'500, 1), std::pair(300, 255)}) {
    // Making and removing so many directories takes a minute on a disk.
    const ScratchTree tree(::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "");
    make_chain(tree, depth, static_cast<std::size_t>(name_size));
    Problems problems;
    std::vector<std::shared_ptr<SourceDirectory>> open;
    open.push_back(open_filesystem(tree.path(), {})->open_root());
    for (;;) {
      const auto entries = open.back()->list(problems.sink());
      ASSERT_EQ(entries.size(), 1U) << open.size();
      if (entries[0].entry.kind == EntryKind::file) {
        EXPECT_EQ(test::content_of(*open.back()->open_file(entries[0])), "bottom");
        break;
      }
      open.push_back(open.back()->open_directory(entries[0]));
    }
    EXPECT_EQ(open.size(), static_cast<std::size_t>(depth) + 1);
    EXPECT_EQ(open.back()->path().size(),
              tree.path().size() + static_cast<std::size_t>(depth * (name_size + 1)));
    // The handles of all but the last ones were given away meanwhile.
    for (std::size_t i = 0; i < open.size(); i += 1000)
      EXPECT_EQ(open[i]->list(problems.sink()).size(), 1U);
    auto last = open.back();
    open.clear();
    EXPECT_EQ(last->list(problems.sink()).size(), 1U);
    last.reset();
    EXPECT_THAT(problems.told, IsEmpty());
    remove_chain(tree, depth, static_cast<std::size_t>(name_size));
  }
}

TEST(LargeTree, AReopenedDirectoryIsCheckedToBeTheSame) {
  const ScratchTree tree;
  for (int i = 0; i < 300; ++i)
    tree.make_directory("d" + std::to_string(i));
  Problems problems;
  const auto root = open_filesystem(tree.path(), {})->open_root();
  std::vector<std::shared_ptr<SourceDirectory>> open;
  for (const auto& listed : root->list(problems.sink()))
    open.push_back(root->open_directory(listed));
  ASSERT_EQ(::rename(tree.at("d0").c_str(), tree.at("moved").c_str()), 0);
  tree.make_directory("d0");
  ASSERT_EQ(::rename(tree.at("d1").c_str(), tree.at("gone").c_str()), 0);
  const auto kind_of = [&](SourceDirectory& directory) {
    try {
      directory.list(problems.sink());
    } catch (const base::Error& error) {
      return error.kind();
    }
    return base::ErrorKind::io;
  };
  EXPECT_EQ(kind_of(*open[0]), base::ErrorKind::conflict);
  EXPECT_EQ(kind_of(*open[1]), base::ErrorKind::not_found);
}

TEST(LargeTree, FewDescriptorsAreEnough) {
  const ScratchTree tree;
  for (int i = 0; i < 400; ++i) {
    tree.make_directory("d" + std::to_string(i));
    tree.write("d" + std::to_string(i) + "/file", "x");
  }
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 60;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  Problems problems;
  const auto root = open_filesystem(tree.path(), {})->open_root();
  std::vector<std::shared_ptr<SourceDirectory>> open;
  for (const auto& listed : root->list(problems.sink()))
    open.push_back(root->open_directory(listed));
  std::size_t count = 0;
  for (const auto& directory : open)
    count += directory->list(problems.sink()).size();
  EXPECT_EQ(count, 400U);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST(LargeTree, ManyEntriesInOneDirectory) {
  const ScratchTree tree;
  constexpr int count = 5000;
  const std::string tail(200, 'n');
  for (int i = 0; i < count; ++i)
    ASSERT_EQ(::mknod(tree.at(std::to_string(i) + tail).c_str(), S_IFREG | 0600, 0), 0);
  Problems problems;
  const auto root = open_filesystem(tree.path(), {})->open_root();
  for (int pass = 0; pass < 2; ++pass) {
    const auto entries = root->list(problems.sink());
    ASSERT_EQ(entries.size(), static_cast<std::size_t>(count));
    EXPECT_TRUE(std::is_sorted(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      return a.entry.name < b.entry.name;
    }));
  }
}

TEST(LargeTree, ManyThreadsShareATreeThatChanges) {
  const ScratchTree tree;
  for (int i = 0; i < 200; ++i) {
    tree.make_directory("d" + std::to_string(i));
    tree.write("d" + std::to_string(i) + "/file", "text");
    tree.write("d" + std::to_string(i) + "/other", "text");
  }
  Problems root_problems;
  FilesystemOptions options;
  options.exclude = {"/d7/other"};
  const auto root = open_filesystem(tree.path(), options)->open_root();
  const auto entries = root->list(root_problems.sink());
  std::vector<std::shared_ptr<SourceDirectory>> open;
  for (const auto& listed : entries)
    open.push_back(root->open_directory(listed));
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> read{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < 4 * open.size(); i = next++) {
      auto& directory = *open[i % open.size()];
      for (ListedEntry& listed : directory.list([](const ItemProblem&) {})) {
        directory.load_details(listed, [](const ItemProblem&) {});
        try {
          read += test::content_of(*directory.open_file(listed)).size();
        } catch (const base::Error& error) {
          EXPECT_EQ(error.kind(), base::ErrorKind::not_found);
        }
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back(work);
    for (int i = 0; i < 200; i += 2)
      ::unlink(tree.at("d" + std::to_string(i) + "/file").c_str());
  }
  EXPECT_GE(read.load(), 100U * 4 * 4);
}

}  // namespace
}  // namespace holdfast::sources
