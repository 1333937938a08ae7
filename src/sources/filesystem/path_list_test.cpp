#include "path_list.hpp"

#include "base/error.hpp"
#include "test_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::sources {
namespace {

using test::names_of;
using test::Problems;
using test::ScratchTree;
using test::walk;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<std::string> child_names(const PathList& list, const PathList::Range& range) {
  std::vector<std::string> names;
  for (const auto& child : list.children(range))
    names.emplace_back(child.name);
  return names;
}

TEST(PathList, FindsTheCommonRoot) {
  EXPECT_EQ(PathList({"/a/b/c", "/a/b/d/e"}).common_root(), "/a/b");
  EXPECT_EQ(PathList({"/a/b", "/a/bc"}).common_root(), "/a");
  EXPECT_EQ(PathList({"/a/b/c", "/a/b"}).common_root(), "/a/b");
  EXPECT_EQ(PathList({"/a/b/c"}).common_root(), "/a/b/c");
  EXPECT_EQ(PathList({"/a", "/b"}).common_root(), "/");
  EXPECT_EQ(PathList({"/", "/b"}).common_root(), "/");
}

TEST(PathList, IsATreeInByteOrder) {
  const PathList list({"/r/a/x", "/r/a-b", "/r/a", "/r/a/x", "/r/a!/y", "/r/b/c/d"});
  const auto root = list.root_range();
  EXPECT_THAT(child_names(list, root), ElementsAre("a", "a!", "a-b", "b"));
  EXPECT_THAT(child_names(list, list.below(root, "a")), ElementsAre("x"));
  EXPECT_THAT(child_names(list, list.below(root, "a-b")), IsEmpty());
  EXPECT_THAT(list.strictly_below(list.below(root, "b")), ElementsAre("/r/b/c/d"));
  const auto none = list.below(root, "c");
  EXPECT_EQ(none.begin, none.end);
}

TEST(PathListSource, TakesExactlyWhatIsListed) {
  const ScratchTree tree;
  for (const char* name : {"d", "d/e", "f"})
    tree.make_directory(name);
  for (const char* name : {"d/one", "d/two", "d/e/three", "f/four", "five"})
    tree.write(name, "");
  Problems problems;
  const auto source =
      open_path_list({tree.at("d/one"), tree.at("d/e"), tree.at("five"), tree.at("f/")});
  EXPECT_EQ(source->path(), tree.path());
  EXPECT_THAT(names_of(walk(*source, problems.sink())),
              ElementsAre("d", "d/e", "d/one", "f", "five"));
  EXPECT_THAT(problems.told, IsEmpty());
}

TEST(PathListSource, WhatIsNotThereIsTold) {
  const ScratchTree tree;
  tree.write("file", "");
  tree.make_directory("real");
  tree.write("real/x", "");
  ASSERT_EQ(::symlink("real", tree.at("link").c_str()), 0);
  Problems problems;
  const auto source = open_path_list({tree.at("none"), tree.at("file"), tree.at("file/below"),
                                      tree.at("link/x"), tree.at("gone/deep")});
  EXPECT_THAT(names_of(walk(*source, problems.sink())), ElementsAre("file", "link"));
  std::vector<std::string> told;
  for (const auto& problem : problems.told) {
    EXPECT_EQ(problem.kind, base::ErrorKind::not_found);
    told.push_back(problem.path);
  }
  EXPECT_THAT(told, UnorderedElementsAre(tree.at("none"), tree.at("file/below"), tree.at("link/x"),
                                         tree.at("gone")));
}

TEST(PathListSource, OneFileIsTheRoot) {
  const ScratchTree tree;
  tree.write("file", "text");
  Problems problems;
  const auto source = open_path_list({tree.at("file")});
  EXPECT_EQ(source->root(problems.sink()).entry.kind, EntryKind::file);
  EXPECT_EQ(test::content_of(*source->open_root_file()), "text");
}

TEST(PathListSource, AnEmptyOrRelativeListIsRefused) {
  EXPECT_THROW(open_path_list({}), base::Error);
  EXPECT_THROW(open_path_list({"/a", "b"}), base::Error);
}

}  // namespace
}  // namespace holdfast::sources
