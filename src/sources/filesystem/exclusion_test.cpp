// What a scan leaves out, end to end.

#include "base/error.hpp"
#include "test_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/mount.h>

namespace holdfast::sources {
namespace {

using test::names_of;
using test::Problems;
using test::ScratchTree;
using test::walk;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> taken(const ScratchTree& tree, const FilesystemOptions& options) {
  Problems problems;
  const auto source = open_filesystem(tree.path(), options);
  auto names = names_of(walk(*source, problems.sink()));
  EXPECT_THAT(problems.told, IsEmpty());
  return names;
}

TEST(Exclusion, PatternsOfTheOperatorAreRelativeToTheRoot) {
  const ScratchTree tree;
  for (const char* name : {"a", "a/b", "b"})
    tree.make_directory(name);
  for (const char* name : {"a/x.tmp", "a/b/keep.tmp", "a/file", "b/file", "top.tmp"})
    tree.write(name, "");
  FilesystemOptions options;
  options.exclude = {"*.tmp", "!keep.tmp", "/b/"};
  EXPECT_THAT(taken(tree, options), ElementsAre("a", "a/b", "a/b/keep.tmp", "a/file"));
  options.exclude = {"a/**/file"};
  EXPECT_THAT(taken(tree, options),
              ElementsAre("a", "a/b", "a/b/keep.tmp", "a/x.tmp", "b", "b/file", "top.tmp"));
}

TEST(Exclusion, APatternThatCannotMatchIsRefusedAtOnce) {
  FilesystemOptions options;
  options.exclude = {"a[b"};
  EXPECT_THROW(open_filesystem("/tmp", options), base::Error);
}

TEST(Exclusion, IgnoreFilesHoldBelowWhereTheyStandNearOnesFirst) {
  const ScratchTree tree;
  for (const char* name : {"a", "a/b", "c"})
    tree.make_directory(name);
  for (const char* name : {"a/x.log", "a/b/x.log", "a/b/y.log", "c/x.log", "a/only", "c/only"})
    tree.write(name, "");
  tree.write(".ignore", "\xef\xbb\xbf*.log\r\n");
  tree.write("a/.ignore", "/only\n!x.log\n");
  tree.write("a/b/.ignore", "x.log");
  FilesystemOptions options;
  options.ignore_files = {".ignore"};
  EXPECT_THAT(taken(tree, options), ElementsAre(".ignore", "a", "a/.ignore", "a/b", "a/b/.ignore",
                                                "a/x.log", "c", "c/only"));
  options.exclude = {"!y.log", ".ignore"};
  EXPECT_THAT(taken(tree, options), ElementsAre("a", "a/b", "a/b/y.log", "a/x.log", "c", "c/only"));
}

TEST(Exclusion, ABrokenLineOfAnIgnoreFileIsToldWithItsNumber) {
  const ScratchTree tree;
  tree.write(".ignore", "# fine\na[b\n*.log\n");
  tree.write("x.log", "");
  FilesystemOptions options;
  options.ignore_files = {".ignore"};
  Problems problems;
  const auto source = open_filesystem(tree.path(), options);
  EXPECT_THAT(names_of(walk(*source, problems.sink())), ElementsAre(".ignore"));
  ASSERT_THAT(problems.told, SizeIs(1));
  EXPECT_EQ(problems.told[0].path, tree.at(".ignore"));
  EXPECT_THAT(problems.told[0].message, HasSubstr(".ignore:2"));
}

TEST(Exclusion, AnIgnoreFileThatIsALinkIsNotFollowed) {
  const ScratchTree tree;
  ASSERT_EQ(::symlink("/etc/passwd", tree.at(".ignore").c_str()), 0);
  FilesystemOptions options;
  options.ignore_files = {".ignore"};
  Problems problems;
  const auto source = open_filesystem(tree.path(), options);
  walk(*source, problems.sink());
  EXPECT_THAT(problems.told, SizeIs(1));
}

TEST(Exclusion, AbsolutePathsAreLeftOutAlsoThroughLinks) {
  const ScratchTree tree;
  tree.make_directory("real");
  tree.make_directory("real/data");
  for (const char* name : {"real/data/app.db", "real/data/app.db-wal", "real/other"})
    tree.write(name, "");
  ASSERT_EQ(::symlink("real", tree.at("link").c_str()), 0);
  FilesystemOptions options;
  for (const char* root : {"real", "link"}) {
    options.exclude_paths = {tree.at(std::string(root) + "/data/app.db"),
                             tree.at(std::string(root) + "/data//app.db-wal"), "/elsewhere/x"};
    EXPECT_THAT(taken(tree, options), ElementsAre("link", "real", "real/data", "real/other"))
        << root;
    Problems problems;
    const auto through = open_filesystem(tree.at("link/data"), options);
    EXPECT_THAT(names_of(walk(*through, problems.sink())), IsEmpty()) << root;
  }
}

TEST(Exclusion, CachesAreLeftOutButForTheirTag) {
  const ScratchTree tree;
  for (const char* name : {"cache", "cache/deep", "fake"})
    tree.make_directory(name);
  tree.write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# more");
  tree.write("cache/file", "");
  tree.write("fake/CACHEDIR.TAG", "Signature: something else");
  FilesystemOptions options;
  options.skip_cache_directories = true;
  EXPECT_THAT(taken(tree, options),
              ElementsAre("cache", "cache/CACHEDIR.TAG", "fake", "fake/CACHEDIR.TAG"));
  EXPECT_THAT(taken(tree, {}), SizeIs(6));
}

TEST(Exclusion, LargeFilesAreLeftOut) {
  const ScratchTree tree;
  tree.write("small", "123");
  tree.write("large", "1234");
  tree.make_directory("directory");
  FilesystemOptions options;
  options.file_size_max = 3;
  EXPECT_THAT(taken(tree, options), ElementsAre("directory", "small"));
}

TEST(Exclusion, AnotherFilesystemIsAnEmptyDirectory) {
  const ScratchTree tree;
  tree.make_directory("mounted");
  if (::mount("none", tree.at("mounted").c_str(), "tmpfs", 0, nullptr) != 0)
    return SUCCEED() << "mounting needs the superuser";
  tree.write("mounted/inside", "");
  tree.write("outside", "");
  FilesystemOptions options;
  const auto all = taken(tree, options);
  options.one_file_system = true;
  const auto one = taken(tree, options);
  EXPECT_EQ(::umount(tree.at("mounted").c_str()), 0);
  EXPECT_THAT(all, ElementsAre("mounted", "mounted/inside", "outside"));
  EXPECT_THAT(one, ElementsAre("mounted", "outside"));
}

}  // namespace
}  // namespace holdfast::sources
