#include "sources/filesystem/filesystem_source.hpp"

#include "test_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <ctime>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

namespace holdfast::sources {
namespace {

using base::Error;
using base::ErrorKind;
using test::content_of;
using test::names_of;
using test::Problems;
using test::ScratchTree;
using test::walk;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

ErrorKind kind_thrown_by(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

const ListedEntry& named(const std::vector<ListedEntry>& entries, const std::string& name) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const auto& listed) { return listed.entry.name == name; });
  EXPECT_NE(found, entries.end()) << name;
  return *found;
}

void make_socket(const std::string& path) {
  const base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

TEST(FilesystemSource, ListsEveryKindWithItsMetadata) {
  const ScratchTree tree;
  tree.write("file", "hello");
  ASSERT_EQ(::link(tree.at("file").c_str(), tree.at("other name").c_str()), 0);
  tree.make_directory("directory");
  ASSERT_EQ(::symlink("nowhere/at all", tree.at("link").c_str()), 0);
  ASSERT_EQ(::mkfifo(tree.at("fifo").c_str(), 0600), 0);
  make_socket(tree.at("socket"));
  ASSERT_EQ(::chmod(tree.at("file").c_str(), 04751), 0);
  const timespec times[2] = {{1, 2}, {-5, 123456789}};
  ASSERT_EQ(::utimensat(AT_FDCWD, tree.at("file").c_str(), times, 0), 0);

  Problems problems;
  const auto source = open_filesystem(tree.path(), {});
  const auto entries = walk(*source, problems.sink());
  EXPECT_THAT(problems.told, IsEmpty());
  EXPECT_THAT(names_of(entries),
              ElementsAre("directory", "fifo", "file", "link", "other name", "socket"));

  const Entry& file = entries.at("file").entry;
  EXPECT_EQ(file.kind, EntryKind::file);
  EXPECT_EQ(file.mode, 04751U);
  EXPECT_EQ(file.size, 5U);
  EXPECT_EQ(file.mtime_seconds, -5);
  EXPECT_EQ(file.mtime_nanoseconds, 123456789U);
  EXPECT_EQ(file.user_id, ::getuid());
  EXPECT_EQ(file.user_name.empty(), false);
  EXPECT_NE(file.hard_link, 0U);
  EXPECT_EQ(file.hard_link, entries.at("other name").entry.hard_link);
  EXPECT_EQ(entries.at("file").identity.link_count, 2U);
  EXPECT_EQ(entries.at("directory").entry.kind, EntryKind::directory);
  EXPECT_EQ(entries.at("directory").entry.hard_link, 0U);
  EXPECT_EQ(entries.at("directory").entry.size, 0U);
  EXPECT_EQ(entries.at("link").entry.kind, EntryKind::symlink);
  EXPECT_EQ(entries.at("link").entry.link_target, "nowhere/at all");
  EXPECT_EQ(entries.at("fifo").entry.kind, EntryKind::fifo);
  EXPECT_EQ(entries.at("socket").entry.kind, EntryKind::socket);
}

TEST(FilesystemSource, ReadsDevices) {
  const ScratchTree tree;
  if (::mknod(tree.at("null").c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0)
    return SUCCEED() << "making devices needs the superuser";
  ASSERT_EQ(::mknod(tree.at("disk").c_str(), S_IFBLK | 0600, makedev(7, 200)), 0);
  Problems problems;
  const auto source = open_filesystem(tree.path(), {});
  const auto entries = walk(*source, problems.sink());
  EXPECT_EQ(entries.at("null").entry.kind, EntryKind::char_device);
  EXPECT_EQ(entries.at("null").entry.device, makedev(1, 3));
  EXPECT_EQ(entries.at("disk").entry.kind, EntryKind::block_device);
  EXPECT_EQ(entries.at("disk").entry.device, makedev(7, 200));
}

TEST(FilesystemSource, NamesAreBytesInByteOrder) {
  const ScratchTree tree;
  const std::vector<std::string> names = {"\x01\n", "-", "A", "a", "a b", "\xc3\x28", "\xff"};
  for (const auto& name : names)
    tree.write(name, "");
  Problems problems;
  std::vector<std::string> listed;
  for (const auto& found : open_filesystem(tree.path(), {})->open_root()->list(problems.sink()))
    listed.push_back(found.entry.name);
  EXPECT_EQ(listed, names);
}

TEST(FilesystemSource, ReadsExtendedAttributesOfAnySize) {
  const ScratchTree tree;
  tree.write("file", "");
  const std::string large(3000, 'x');
  const auto set = [&](const char* name, const std::string& value) {
    return ::setxattr(tree.at("file").c_str(), name, value.data(), value.size(), 0);
  };
  ASSERT_EQ(set("user.large", large), 0) << "the filesystem of TMPDIR has no extended attributes";
  ASSERT_EQ(set("user.empty", ""), 0);
  Problems problems;
  const auto source = open_filesystem(tree.path(), {});
  const auto entries = walk(*source, problems.sink());
  const auto& attributes = entries.at("file").entry.attributes;
  ASSERT_THAT(attributes, SizeIs(2));
  EXPECT_EQ(attributes[0], (ExtendedAttribute{"user.empty", {}}));
  EXPECT_EQ(attributes[1], (ExtendedAttribute{"user.large", base::copy_of(base::as_bytes(large))}));
}

TEST(FilesystemSource, AttributesOfALinkAreNotThoseOfItsTarget) {
  const ScratchTree tree;
  tree.write("file", "");
  ASSERT_EQ(::setxattr(tree.at("file").c_str(), "user.a", "1", 1, 0), 0)
      << "the filesystem of TMPDIR has no extended attributes";
  ASSERT_EQ(::symlink("file", tree.at("link").c_str()), 0);
  Problems problems;
  const auto source = open_filesystem(tree.path(), {});
  const auto entries = walk(*source, problems.sink());
  EXPECT_THAT(entries.at("link").entry.attributes, IsEmpty());
  EXPECT_THAT(problems.told, IsEmpty());
}

TEST(FilesystemSource, ReadsLongLinkTargets) {
  const ScratchTree tree;
  const std::string target(4095, 't');
  ASSERT_EQ(::symlink(target.c_str(), tree.at("link").c_str()), 0);
  Problems problems;
  const auto source = open_filesystem(tree.path(), {});
  EXPECT_EQ(walk(*source, problems.sink()).at("link").entry.link_target, target);
}

TEST(FilesystemSource, FindsHoles) {
  const ScratchTree tree;
  tree.write("full", "no holes");
  {
    const base::Fd file = base::open_file(tree.at("sparse"), O_WRONLY | O_CREAT, 0600);
    base::write_at(file.get(), 1 << 20, base::as_bytes("data"), "sparse");
    ASSERT_EQ(::ftruncate(file.get(), 3 << 20), 0);
  }
  Problems problems;
  const auto root = open_filesystem(tree.path(), {})->open_root();
  const auto entries = root->list(problems.sink());
  EXPECT_THAT(root->open_file(named(entries, "full"))->find_holes(), IsEmpty());
  const auto holes = root->open_file(named(entries, "sparse"))->find_holes();
  ASSERT_THAT(holes, SizeIs(2));
  EXPECT_EQ(holes[0], (Hole{0, 1 << 20}));
  EXPECT_EQ(holes[1].offset + holes[1].length, 3U << 20);
}

TEST(FilesystemSource, AFileThatIsCutWhileReadEndsEarly) {
  const ScratchTree tree;
  tree.write("file", std::string(10'000, 'x'));
  Problems problems;
  const auto root = open_filesystem(tree.path(), {})->open_root();
  const auto file = root->open_file(root->list(problems.sink()).front());
  ASSERT_EQ(::truncate(tree.at("file").c_str(), 100), 0);
  EXPECT_EQ(content_of(*file).size(), 100U);
  EXPECT_EQ(file->current().entry.size, 100U);
}

TEST(FilesystemSource, OpeningTellsWhatBecameOfAnEntry) {
  const ScratchTree tree;
  for (const char* name : {"gone", "link", "fifo", "directory", "socket"})
    tree.write(name, "");
  tree.make_directory("swapped");
  tree.make_directory("linked");
  Problems problems;
  const auto root = open_filesystem(tree.path(), {})->open_root();
  const auto entries = root->list(problems.sink());
  for (const char* name : {"gone", "link", "fifo", "directory", "socket"})
    ASSERT_EQ(::unlink(tree.at(name).c_str()), 0);
  ASSERT_EQ(::symlink("/etc/passwd", tree.at("link").c_str()), 0);
  ASSERT_EQ(::mkfifo(tree.at("fifo").c_str(), 0600), 0);
  make_socket(tree.at("socket"));
  tree.make_directory("directory");
  tree.make_directory("new");
  ASSERT_EQ(::rmdir(tree.at("swapped").c_str()), 0);
  ASSERT_EQ(::rename(tree.at("new").c_str(), tree.at("swapped").c_str()), 0);
  ASSERT_EQ(::rmdir(tree.at("linked").c_str()), 0);
  ASSERT_EQ(::symlink("/etc", tree.at("linked").c_str()), 0);

  const auto open = [&](const char* name) {
    return kind_thrown_by([&] { root->open_file(named(entries, name)); });
  };
  EXPECT_EQ(open("gone"), ErrorKind::not_found);
  EXPECT_EQ(open("link"), ErrorKind::conflict);
  EXPECT_EQ(open("fifo"), ErrorKind::conflict);
  EXPECT_EQ(open("directory"), ErrorKind::conflict);
  EXPECT_EQ(open("socket"), ErrorKind::conflict);
  const auto enter = [&](const char* name) {
    return kind_thrown_by([&] { root->open_directory(named(entries, name)); });
  };
  EXPECT_EQ(enter("swapped"), ErrorKind::conflict);
  EXPECT_EQ(enter("linked"), ErrorKind::conflict);
}

TEST(FilesystemSource, TheRootMayBeAFileALinkOrReachedThroughALink) {
  const ScratchTree tree;
  tree.make_directory("real");
  tree.write("real/file", "text");
  ASSERT_EQ(::symlink("real", tree.at("link").c_str()), 0);
  Problems problems;

  const auto file = open_filesystem(tree.at("link/file"), {});
  EXPECT_EQ(file->root(problems.sink()).entry.name, "file");
  EXPECT_EQ(content_of(*file->open_root_file()), "text");
  const auto above = file->ancestors();
  EXPECT_EQ(above.back().name, "link");
  EXPECT_EQ(above.back().kind, EntryKind::directory);

  const auto link = open_filesystem(tree.at("link"), {});
  EXPECT_EQ(link->root(problems.sink()).entry.kind, EntryKind::symlink);
  EXPECT_EQ(link->root(problems.sink()).entry.link_target, "real");
  EXPECT_EQ(kind_thrown_by([&] { link->open_root(); }), ErrorKind::conflict);

  EXPECT_EQ(kind_thrown_by([&] { open_filesystem(tree.at("none"), {})->root(problems.sink()); }),
            ErrorKind::not_found);
  EXPECT_THAT(problems.told, IsEmpty());
}

TEST(FilesystemSource, PathsAreNormalized) {
  const ScratchTree tree;
  tree.make_directory("a");
  EXPECT_EQ(open_filesystem(tree.path() + "//a/./", {})->path(), tree.at("a"));
  EXPECT_EQ(open_filesystem(tree.path() + "/a/..", {})->path(), tree.path());
  EXPECT_EQ(open_filesystem("/", {})->path(), "/");
  EXPECT_EQ(open_filesystem("/", {})->ancestors(), std::vector<Entry>{});
  EXPECT_EQ(kind_thrown_by([] { open_filesystem("relative", {}); }), ErrorKind::invalid_input);
}

/// Runs `work` as nobody in a process of its own, which can then do only what nobody may.
int run_as_nobody(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool dropped =
        ::setresgid(65534, 65534, 65534) == 0 && ::setresuid(65534, 65534, 65534) == 0;
    ::_exit(dropped ? work() : 99);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(FilesystemSource, UnreadableItemsAreToldAndTheRestIsRead) {
  if (::geteuid() != 0) return SUCCEED() << "needs the superuser to become somebody else";
  const ScratchTree tree;
  ASSERT_EQ(::chmod(tree.path().c_str(), 0755), 0);
  tree.make_directory("closed");
  tree.make_directory("blind");
  tree.write("blind/hidden", "");
  tree.write("secret", "");
  tree.write("open", "text");
  ASSERT_EQ(::chmod(tree.at("closed").c_str(), 0), 0);
  ASSERT_EQ(::chmod(tree.at("blind").c_str(), 0744), 0);
  ASSERT_EQ(::chmod(tree.at("secret").c_str(), 0), 0);
  const int step = run_as_nobody([&] {
    Problems problems;
    const auto source = open_filesystem(tree.path(), {});
    const auto entries = walk(*source, problems.sink());
    if (entries.size() != 4) return 1;
    if (problems.told.size() != 2) return 2;
    for (const auto& problem : problems.told)
      if (problem.kind != ErrorKind::access_denied) return 3;
    const auto root = source->open_root();
    if (content_of(*root->open_file(entries.at("open"))) != "text") return 4;
    return kind_thrown_by([&] { root->open_file(entries.at("secret")); }) ==
                   ErrorKind::access_denied
               ? 0
               : 5;
  });
  EXPECT_EQ(step, 0);
}

}  // namespace
}  // namespace holdfast::sources
