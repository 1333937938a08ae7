// What a hostile repository or target may try, against each way to restore: nothing outside the
// target changes, what is left out is said, and the rest comes back.
#include "base/task_group.hpp"
#include "testing_repository.hpp"
#include "testing_target.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <sys/mount.h>

namespace holdfast::restore {
namespace {

using sources::EntryKind;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

/// The targets of every case: a new directory, one that was there, in place, and in place where
/// somebody put symlinks that lead out.
enum class Into { fresh, existing, in_place, planted };

class HostileTest : public testing::TestWithParam<Into> {
protected:
  HostileTest() {
    if (GetParam() != Into::fresh) ::mkdir(sandbox_.target().c_str(), 0755);
    if (GetParam() != Into::planted) return;
    for (const char* name : {"d", "r", "a", "srv"})
      EXPECT_EQ(::symlink(sandbox_.outside("outside").c_str(), sandbox_.at(name).c_str()), 0);
  }
  ~HostileTest() override { sandbox_.expect_outside_unchanged(); }

  RestoreRequest request() const {
    auto made = request_into(sandbox_.target());
    made.allow_existing = GetParam() == Into::existing;
    if (GetParam() >= Into::in_place) made.layout = Layout::in_place;
    return made;
  }
  RestoreReport restore(const repository::Snapshot& snapshot, const RestoreRequest& with) {
    base::NoProgress progress;
    return run_restore(repository_.get(), snapshot, with, progress, {});
  }
  RestoreReport restore(const repository::Snapshot& snapshot) {
    return restore(snapshot, request());
  }
  /// One directory /d of these entries.
  repository::Snapshot snapshot_of(TestingRepository::Nodes nodes) {
    return repository_.commit(
        {repository_.item("/d", repository_.directory("d", std::move(nodes)))});
  }
  /// As snapshot_of, but with entries that no writer would put beside each other: `names` replace
  /// the names (of the same length) under which the entries were encoded.
  repository::Snapshot snapshot_with_names(TestingRepository::Nodes nodes,
                                           const std::vector<std::string>& names) {
    std::vector<base::Bytes> encoded;
    std::vector<repository::EncodedNode> entries;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      encoded.push_back(repository::encode_node(nodes[i], repository_.metadata()));
      auto bytes = std::string(base::as_text(encoded.back()));
      bytes.replace(bytes.find(nodes[i].entry.name), names[i].size(), names[i]);
      encoded.back() = base::copy_of(base::as_bytes(bytes));
    }
    for (std::size_t i = 0; i < nodes.size(); ++i)
      entries.push_back({nodes[i].entry.name, encoded[i]});
    auto directory = repository_.directory("d", {});
    directory.tree = repository::write_encoded_tree(entries, repository_.metadata());
    auto root = repository_.directory("root", {directory, repository_.file("good", "good")});
    return repository_.commit({repository_.item("/r", root)});
  }
  /// The target has /d already, with `make` having put something into it.
  bool with_existing_d() {
    if (GetParam() == Into::fresh) return false;
    ::unlink(sandbox_.at("d").c_str());
    ::mkdir(sandbox_.at("d").c_str(), 0755);
    return true;
  }
  Description found() const { return describe(sandbox_.target()); }

  TestingRepository repository_;
  Sandbox sandbox_;
};

// 1-8: names that lead out of the directory or are none.
TEST_P(HostileTest, NamesThatAreNoComponents) {
  const std::vector<std::string> names = {
      "../x", "/abc", "a//b", "a/..", ".", "..", std::string("a\0b", 3)};
  for (const std::string& name : names) {
    const std::string placeholder(name.size(), 'q');
    const auto snapshot = snapshot_with_names({repository_.file(placeholder, "evil")}, {name});
    auto with = request();
    with.allow_existing = true;
    const auto report = restore(snapshot, with);
    EXPECT_THAT(report.problems, testing::SizeIs(1)) << name;
    EXPECT_EQ(Sandbox::read(sandbox_.at("r/good")), "good") << "the rest came back";
    EXPECT_FALSE(found().contains("r/d/" + placeholder)) << name;
  }
}

// 9-12: items whose paths lead out.
TEST_P(HostileTest, ItemPathsThatLeadOut) {
  for (const char* path : {"/../outside", "/a/../../outside", "relative", "/a/./b", ""}) {
    auto snapshot = repository_.commit({repository_.item("/d", repository_.directory("d", {}))});
    snapshot.items[0].path = path;
    auto with = request();
    with.allow_existing = true;
    EXPECT_THROW(restore(snapshot, with), base::Error) << path;
  }
}

// 13: the same name twice.
TEST_P(HostileTest, TheSameNameTwice) {
  const auto snapshot = snapshot_with_names(
      {repository_.file("aa", "first"), repository_.file("bb", "second")}, {"aa", "aa"});
  const auto report = restore(snapshot);
  EXPECT_THAT(report.problems, testing::SizeIs(1));
  EXPECT_EQ(Sandbox::read(sandbox_.at("r/good")), "good");
}

// 14-16: symlinks of the snapshot that later entries would go through.
TEST_P(HostileTest, SymlinkAndDirectoryOfOneName) {
  const auto outside = sandbox_.outside("outside");
  const auto snapshot =
      snapshot_with_names({repository_.symlink("aa", outside),
                           repository_.directory("bb", {repository_.file("victim", "evil")})},
                          {"aa", "aa"});
  restore(snapshot);
}

TEST_P(HostileTest, ItemBelowASymlinkOfAnother) {
  const auto snapshot = repository_.commit(
      {repository_.item("/d", repository_.directory(
                                  "d", {repository_.symlink("way", sandbox_.outside("outside"))})),
       repository_.item("/d/way/victim", repository_.file("victim", "evil"))});
  const auto report = restore(snapshot);
  EXPECT_THAT(found().at("d/way"), HasSubstr("40")) << "a directory, not the link";
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/way/victim")), "evil");
}

// 17-21: symlinks that were in the target before.
TEST_P(HostileTest, SymlinksInTheTargetAreReplaced) {
  if (!with_existing_d()) return;
  const auto outside = sandbox_.outside("outside");
  ASSERT_EQ(::symlink((outside + "/victim").c_str(), sandbox_.at("d/file").c_str()), 0);
  ASSERT_EQ(::symlink(outside.c_str(), sandbox_.at("d/sub").c_str()), 0);
  ASSERT_EQ(::symlink((outside + "/victim").c_str(), sandbox_.at("d/one").c_str()), 0);
  ASSERT_EQ(::symlink((outside + "/victim").c_str(), sandbox_.at("d/pipe").c_str()), 0);
  ASSERT_EQ(::symlink((outside + "/dangling").c_str(), sandbox_.at("d/dangling").c_str()), 0);
  auto one = repository_.file("one", "linked");
  one.entry.hard_link = 1;
  auto two = one;
  two.entry.name = "two";
  const auto snapshot =
      snapshot_of({repository_.file("file", "mine"), one, two,
                   repository_.directory("sub", {repository_.file("victim", "mine")}),
                   repository_.special("pipe", EntryKind::fifo), repository_.file("dangling", "")});
  EXPECT_THAT(restore(snapshot).problems, IsEmpty());
  const auto all = found();
  EXPECT_THAT(all.at("d/file"), HasSubstr("content mine"));
  EXPECT_THAT(all.at("d/sub/victim"), HasSubstr("content mine"));
  EXPECT_THAT(all.at("d/two"), HasSubstr("links 2"));
  EXPECT_THAT(all.at("d/pipe"), HasSubstr("10640"));
  EXPECT_THAT(all.at("d/dangling"), HasSubstr("100644"));
}

TEST_P(HostileTest, ASymlinkInPlaceOfAnItemsParent) {
  if (GetParam() == Into::fresh) return;
  if (GetParam() != Into::planted) {
    ASSERT_EQ(::symlink(sandbox_.outside("outside").c_str(), sandbox_.at("srv").c_str()), 0);
  }
  const auto snapshot =
      repository_.commit({repository_.item("/srv/victim", repository_.file("victim", "evil"))});
  restore(snapshot);
  EXPECT_EQ(Sandbox::read(sandbox_.at("srv/victim")), "evil");
}

TEST_P(HostileTest, HardLinkedTargetIsNotWrittenThrough) {
  if (!with_existing_d()) return;
  ASSERT_EQ(::link(sandbox_.outside("outside/victim").c_str(), sandbox_.at("d/file").c_str()), 0);
  auto node = repository_.file("file", "do not touch either");
  node.entry.mode = 0600;
  const auto before = describe(sandbox_.outside("outside"));
  restore(snapshot_of({node}));
  EXPECT_THAT(found().at("d/file"), HasSubstr("100600 0:0 links 1"));
}

// 22-25: hard links to what this run did not restore.
TEST_P(HostileTest, HardLinkGroupsOfDifferentContentAreNotJoined) {
  auto one = repository_.file("one", "first");
  auto two = repository_.file("two", "other");
  one.entry.hard_link = two.entry.hard_link = 3;
  EXPECT_THAT(restore(snapshot_of({one, two})).problems, IsEmpty());
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/two")), "other");
}

TEST_P(HostileTest, HardLinkToAFileThatFailed) {
  auto one = repository_.file("one", "content");
  one.chunks.front() = base::ChunkId{};  // nobody has it
  one.entry.hard_link = 3;
  auto two = one;
  two.entry.name = "two";
  if (with_existing_d()) {
    ASSERT_EQ(::symlink("/etc/passwd", sandbox_.at("d/one").c_str()), 0);
  }
  const auto report = restore(snapshot_of({one, two}));
  EXPECT_EQ(report.problems.size(), 2);
  EXPECT_FALSE(found().contains("d/two"));
}

TEST_P(HostileTest, HardLinkNumbersOnOtherKinds) {
  auto link = repository_.symlink("link", "/etc/passwd");
  link.entry.hard_link = 3;
  auto pipe = repository_.special("pipe", EntryKind::fifo);
  pipe.entry.hard_link = 3;
  auto file = repository_.file("zfile", "file");
  file.entry.hard_link = 3;
  EXPECT_THAT(restore(snapshot_of({link, pipe, file})).problems, IsEmpty());
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/zfile")), "file");
}

// 26-31: what an untrusted snapshot may not bring.
TEST_P(HostileTest, UntrustedSnapshotsBringNothingDangerous) {
  auto setuid = repository_.file("setuid", "#!");
  setuid.entry.mode = 06755;
  auto capable = repository_.file("capable", "#!");
  capable.entry.attributes = {
      {"security.capability", base::from_hex("0100000200040000000000000000000000000000")},
      {"trusted.overlay.opaque", base::copy_of(base::as_bytes("y"))},
      {"user.fine", base::copy_of(base::as_bytes("1"))}};
  auto sticky = repository_.directory("sticky", {}, 01777);
  const auto snapshot =
      snapshot_of({setuid, capable, sticky, repository_.special("pipe", EntryKind::fifo),
                   repository_.special("socket", EntryKind::socket),
                   repository_.special("disk", EntryKind::block_device, makedev(8, 0)),
                   repository_.special("mem", EntryKind::char_device, makedev(1, 1))});
  auto with = request();
  with.special = false;
  const auto report = restore(snapshot, with);
  EXPECT_EQ(report.problems.size(), 5);
  const auto all = found();
  EXPECT_FALSE(all.contains("d/disk"));
  EXPECT_FALSE(all.contains("d/mem"));
  EXPECT_THAT(all.at("d/setuid"), HasSubstr("100755"));
  EXPECT_THAT(all.at("d/capable"), HasSubstr("user.fine=1"));
  EXPECT_THAT(all.at("d/capable"), testing::Not(HasSubstr("security")));
  EXPECT_THAT(all.at("d/sticky"), HasSubstr("41777"));
  EXPECT_TRUE(all.contains("d/pipe") && all.contains("d/socket"));
  with.special = true;
  with.allow_existing = true;
  EXPECT_THAT(restore(snapshot, with).problems, IsEmpty());
  EXPECT_THAT(found().at("d/setuid"), HasSubstr("106755"));
  EXPECT_THAT(found().at("d/capable"), HasSubstr("security.capability"));
}

// 32: access lists of the directory around are not inherited.
TEST_P(HostileTest, InheritedAccessListsDoNotOpenWhatWasPrivate) {
  if (GetParam() == Into::fresh) return;
  // Version 2, user::rwx, user:1234:rwx, group::rwx, mask::rwx, other::rwx.
  const auto list = base::from_hex(
      "0200000001000700ffffffff02000700d204000004000700ffffffff10000700ffffffff20000700ffffffff");
  ASSERT_EQ(::setxattr(sandbox_.target().c_str(), "system.posix_acl_default", list.data(),
                       list.size(), 0),
            0);
  auto node = repository_.file("private", "private");
  node.entry.mode = 0600;
  restore(snapshot_of({node}));
  EXPECT_THAT(found().at("d"), testing::Not(HasSubstr("posix_acl")));
  EXPECT_THAT(found().at("d/private"), testing::Not(HasSubstr("posix_acl")));
  EXPECT_THAT(found().at("d/private"), HasSubstr("100600"));
}

// 33-38: numbers at their ends.
TEST_P(HostileTest, NumbersAtTheirEnds) {
  auto nobody = repository_.file("nobody", "x");
  nobody.entry.user_id = nobody.entry.group_id = 0xffff'ffff;
  auto old = repository_.file("old", "x");
  old.entry.mtime_seconds = -62'000'000;
  auto huge = repository_.file("huge", "");
  huge.entry.size = 0x7fff'ffff'ffff'ffff;
  huge.entry.holes = {{0, 0x7fff'ffff'ffff'ffff}};
  auto short_of = repository_.file("short", "x");
  short_of.entry.size = 2;
  auto longer = repository_.file("longer", "xyz");
  longer.entry.size = 2;
  const auto report = restore(snapshot_of({nobody, old, huge, short_of, longer}));
  const auto all = found();
  EXPECT_THAT(all.at("d/nobody"), HasSubstr("0:0"));
  EXPECT_THAT(all.at("d/old"), HasSubstr("time -62000000.123456789"));
  EXPECT_FALSE(all.contains("d/short"));
  EXPECT_FALSE(all.contains("d/longer"));
  for (const char* name : {"d/nobody", "d/short", "d/longer"})
    EXPECT_THAT(report.problems, Contains(Field(&RestoreProblem::path, sandbox_.at(name))));
}

// 39: names that are fine for the system and bad for terminals; long names.
TEST_P(HostileTest, OddButLegalNames) {
  const std::vector<std::string> names = {
      std::string(255, 'n'), "new\nline", "\x1b[31mred", "\xff\xfe", "-rf", "~", "con:"};
  TestingRepository::Nodes nodes;
  for (const auto& name : names)
    nodes.push_back(repository_.file(name, name));
  EXPECT_THAT(restore(snapshot_of(nodes)).problems, IsEmpty());
  for (const auto& name : names)
    EXPECT_EQ(Sandbox::read(sandbox_.at("d/" + name)), name);
  auto with = request();
  with.allow_existing = true;
  const auto report = restore(snapshot_of({repository_.file(std::string(256, 'n'), "x")}), with);
  EXPECT_EQ(report.problems.size(), 1);
}

// 40: kinds that changed.
TEST_P(HostileTest, KindsThatChanged) {
  if (!with_existing_d()) return;
  Sandbox::write(sandbox_.at("d/was_file"), "file");
  ::mkdir(sandbox_.at("d/was_directory").c_str(), 0755);
  Sandbox::write(sandbox_.at("d/was_directory/content"), "content");
  const auto snapshot =
      snapshot_of({repository_.directory("was_file", {repository_.file("in", "in")}),
                   repository_.file("was_directory", "file now")});
  auto report = restore(snapshot);
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/was_file/in")), "in");
  ASSERT_EQ(report.problems.size(), 1) << "a full directory is not thrown away";
  EXPECT_EQ(report.problems[0].path, sandbox_.at("d/was_directory"));
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/was_directory/content")), "content");
  if (GetParam() < Into::in_place) return;
  auto with = request();
  with.delete_extra = true;
  EXPECT_THAT(restore(snapshot, with).problems, IsEmpty());
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/was_directory")), "file now");
}

// 41-42: mounts inside the target.
TEST_P(HostileTest, MountsAreWrittenIntoButNeverDeleted) {
  if (!with_existing_d()) return;
  for (const char* name : {"d/kept", "d/extra"}) {
    ::mkdir(sandbox_.at(name).c_str(), 0755);
    ASSERT_EQ(::mount("none", sandbox_.at(name).c_str(), "tmpfs", 0, "size=1m"), 0);
    Sandbox::write(sandbox_.at(std::string(name) + "/file"), "mounted");
  }
  const auto snapshot =
      snapshot_of({repository_.directory("kept", {repository_.file("new", "new")})});
  auto with = request();
  with.delete_extra = GetParam() >= Into::in_place;
  const auto report = restore(snapshot, with);
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/kept/new")), "new");
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/extra/file")), "mounted");
  EXPECT_EQ(report.problems.size(), with.delete_extra ? 1 : 0);
  for (const char* name : {"d/kept", "d/extra"})
    ::umount(sandbox_.at(name).c_str());
}

// 43: somebody swaps directories for symlinks all the while.
TEST_P(HostileTest, DirectoriesSwappedForSymlinksMeanwhile) {
  if (!with_existing_d()) return;
  TestingRepository::Nodes nodes;
  for (int i = 0; i < 40; ++i)
    nodes.push_back(repository_.directory(
        fmt::format("s{:02}", i),
        {repository_.file("victim", fmt::format("evil {}", i)), repository_.symlink("l", "x")}));
  const auto snapshot = snapshot_of(std::move(nodes));
  base::TaskGroup attackers;
  attackers.spawn([&](const std::stop_token& stopping) {
    while (!stopping.stop_requested()) {
      for (int i = 0; i < 40; ++i) {
        const auto name = sandbox_.at(fmt::format("d/s{:02}", i));
        const auto aside = sandbox_.at(fmt::format("d/aside{:02}", i));
        if (::renameat2(AT_FDCWD, name.c_str(), AT_FDCWD, aside.c_str(), RENAME_NOREPLACE) == 0) {
          if (::symlink(sandbox_.outside("outside").c_str(), name.c_str()) == 0)
            ::unlink(name.c_str());
          ::renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, name.c_str(), RENAME_NOREPLACE);
        }
      }
    }
  });
  auto with = request();
  with.allow_existing = true;
  for (int round = 0; round < 30; ++round) {
    restore(snapshot, with);
    const auto d = base::open_file(sandbox_.at("d"), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 40; i += 3) {
      try {
        const auto sub = open_directory(d.get(), fmt::format("s{:02}", i), "sub");
        ::unlinkat(sub.get(), "victim", 0);
      } catch (const base::Error&) {
        continue;  // swapped just now
      }
    }
  }
  attackers.request_stop();
  attackers.join();
}

// 44: two items of one path.
TEST_P(HostileTest, TheSamePathTwice) {
  const auto snapshot = repository_.commit(
      {repository_.item("/d", repository_.symlink("d", sandbox_.outside("outside"))),
       repository_.item("/d", repository_.directory("d", {repository_.file("victim", "evil")}))});
  try {
    restore(snapshot);
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/d"));
  }
}

// 45: deeper than any path may be long.
TEST_P(HostileTest, AChainOfDirectoriesLongerThanAPath) {
  auto node = repository_.file("end", "end");
  for (int i = 0; i < 30; ++i)
    node = repository_.directory(std::string(200, 'd'), {node});
  EXPECT_THAT(restore(snapshot_of({node})).problems, IsEmpty());
  auto at = base::open_file(sandbox_.at("d"), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 30; ++i)
    at = open_directory(at.get(), std::string(200, 'd'), "deep");
  EXPECT_EQ(content_at(at.get(), "end"), "end");
}

// 46: names that differ only in case.
TEST_P(HostileTest, NamesThatDifferInCase) {
  EXPECT_THAT(
      restore(snapshot_of({repository_.file("NAME", "one"), repository_.symlink("Name", "/etc"),
                           repository_.file("name", "two")}))
          .problems,
      IsEmpty());
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/NAME")), "one");
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/name")), "two");
}

// 47-48: a database file that is not what its map says.
TEST_P(HostileTest, PagedFilesOfAnotherHashOrSize) {
  auto other_hash = repository_.paged("hash.db", std::string(20'000, 'h'), 4096);
  other_hash.paged->file_hash = base::Hash{};
  auto other_size = repository_.paged("size.db", std::string(20'000, 's'), 4096);
  other_size.entry.size = other_size.paged->size = 4096ULL * 1000;
  const auto report =
      restore(snapshot_of({other_hash, other_size, repository_.file("good", "good")}));
  EXPECT_EQ(report.problems.size(), 2);
  EXPECT_FALSE(found().contains("d/hash.db"));
  EXPECT_FALSE(found().contains("d/size.db"));
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/good")), "good");
}

// 49: attributes that no file system takes.
TEST_P(HostileTest, AttributesThatCannotBe) {
  auto node = repository_.file("file", "content");
  node.entry.attributes = {{"nonsense", base::Bytes(10)},
                           {"user.large", base::Bytes(200'000)},
                           {"user." + std::string(300, 'n'), base::Bytes(10)}};
  const auto report = restore(snapshot_of({node}));
  EXPECT_THAT(report.problems, testing::Not(IsEmpty()));
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/file")), "content");
}

INSTANTIATE_TEST_SUITE_P(Targets, HostileTest,
                         testing::Values(Into::fresh, Into::existing, Into::in_place,
                                         Into::planted));

}  // namespace
}  // namespace holdfast::restore
