#include "restore/restore.hpp"

#include "file_writer.hpp"
#include "target.hpp"
#include "testing_repository.hpp"
#include "testing_target.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace holdfast::restore {
namespace {

using sources::EntryKind;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string noise(std::size_t size, std::uint64_t seed) {
  std::string text(size, '\0');
  base::SeededRandom(seed).fill(std::as_writable_bytes(std::span(text)));
  return text;
}

class RestoreTest : public testing::Test {
protected:
  RestoreReport restore(const repository::Snapshot& snapshot, const RestoreRequest& request,
                        std::stop_token stopping = {}) {
    base::NoProgress progress;
    return run_restore(repository_.get(), snapshot, request, progress, std::move(stopping));
  }
  RestoreReport restore(const repository::Snapshot& snapshot) {
    return restore(snapshot, request_into(sandbox_.target()));
  }
  RestoreRequest in_place() const {
    auto request = request_into(sandbox_.target());
    request.layout = Layout::in_place;
    return request;
  }
  static base::ErrorKind kind_of(const std::function<void()>& work) {
    try {
      work();
    } catch (const base::Error& error) {
      return error.kind();
    }
    ADD_FAILURE() << "nothing was thrown";
    return base::ErrorKind::io;
  }

  /// One of everything that a snapshot can hold.
  repository::Node everything() {
    auto& r = repository_;
    auto private_file = r.file("private", "secret words");
    private_file.entry.mode = 0600;
    private_file.entry.user_id = 1234;
    private_file.entry.group_id = 4321;
    auto labelled = r.file("labelled", "x");
    labelled.entry.attributes = {{"user.colour", base::copy_of(base::as_bytes("red"))}};
    auto first = r.file("one", "same file");
    first.entry.hard_link = 7;
    auto second = first;
    second.entry.name = "two";
    auto old = r.file("old", "from before 1970");
    old.entry.mtime_seconds = -1'000'000;
    auto setuid = r.file("setuid", "#!");
    setuid.entry.mode = 04755;
    return r.directory(
        "site",
        {r.file("empty", ""), r.file("small", "small content"), r.file("large", noise(999'999, 1)),
         r.file("holes", noise(300'000, 2), {{0, 65536}, {131072, 1 << 20}, {1414112, 4096}}),
         std::move(private_file), std::move(labelled), std::move(old), std::move(setuid),
         r.directory("sub", {first, r.directory("deep", {r.file("leaf", "leaf")}, 0500)}, 01777),
         second, r.symlink("link", "/nowhere/at all"), r.special("pipe", EntryKind::fifo),
         r.special("socket", EntryKind::socket),
         r.special("null", EntryKind::char_device, makedev(1, 3)),
         r.special("loop", EntryKind::block_device, makedev(7, 9))},
        0750);
  }

  TestingRepository repository_;
  Sandbox sandbox_;
};

TEST_F(RestoreTest, BringsEverythingBackByItsAbsolutePath) {
  const auto snapshot = repository_.commit({repository_.item("/srv/site", everything())});
  const auto report = restore(snapshot);
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.bytes_written, report.bytes_verified);
  EXPECT_EQ(report.bytes_written, report.plan.bytes);

  const auto found = describe(sandbox_.target());
  const auto time = "time 1600000000.123456789";
  EXPECT_THAT(found.at("srv/site"), HasSubstr("40750 0:0"));
  EXPECT_THAT(found.at("srv/site"), HasSubstr(time));
  EXPECT_THAT(found.at("srv/site/sub"), HasSubstr("41777"));
  EXPECT_THAT(found.at("srv/site/sub"), HasSubstr(time));
  EXPECT_THAT(found.at("srv/site/sub/deep"), HasSubstr("40500"));
  EXPECT_EQ(found.at("srv/site/empty"),
            "100644 0:0 links 1 size 0 " + std::string(time) + " content ");
  EXPECT_THAT(found.at("srv/site/small"), HasSubstr("content small content"));
  EXPECT_THAT(found.at("srv/site/private"), HasSubstr("100600 1234:4321"));
  EXPECT_THAT(found.at("srv/site/labelled"), HasSubstr("user.colour=red"));
  EXPECT_THAT(found.at("srv/site/old"), HasSubstr("time -1000000.123456789"));
  EXPECT_THAT(found.at("srv/site/setuid"), HasSubstr("104755"));
  EXPECT_THAT(found.at("srv/site/sub/one"), HasSubstr("links 2")) << "hard link";
  EXPECT_EQ(found.at("srv/site/sub/one"), found.at("srv/site/two"));
  EXPECT_THAT(found.at("srv/site/link"), HasSubstr("-> /nowhere/at all"));
  EXPECT_THAT(found.at("srv/site/link"), HasSubstr(time));
  EXPECT_THAT(found.at("srv/site/pipe"), HasSubstr("10640"));
  EXPECT_THAT(found.at("srv/site/socket"), HasSubstr("140640"));
  EXPECT_THAT(found.at("srv/site/null"), HasSubstr(fmt::format("device {}", makedev(1, 3))));
  EXPECT_THAT(found.at("srv/site/loop"), HasSubstr(fmt::format("device {}", makedev(7, 9))));
  EXPECT_EQ(Sandbox::read(sandbox_.at("srv/site/large")), noise(999'999, 1));
  EXPECT_FALSE(found.contains(Target::marker_name));
  sandbox_.expect_outside_unchanged();
}

TEST_F(RestoreTest, PutsHolesWhereTheyWere) {
  const auto data = noise(300'000, 2);
  const auto snapshot = repository_.commit({repository_.item(
      "/d",
      repository_.directory("d", {repository_.file("f", data, {{0, 65536}, {131072, 1 << 20}})}))});
  std::string expected = std::string(65536, '\0') + data.substr(0, 65536) +
                         std::string(1 << 20, '\0') + data.substr(65536);
  restore(snapshot);
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/f")), expected);
  struct stat status{};
  ASSERT_EQ(::stat(sandbox_.at("d/f").c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 400'000);

  auto dense = request_into(sandbox_.outside("target2"));
  dense.sparse = false;
  restore(snapshot, dense);
  EXPECT_EQ(Sandbox::read(sandbox_.outside("target2/d/f")), expected);
  ASSERT_EQ(::stat(sandbox_.outside("target2/d/f").c_str(), &status), 0);
  EXPECT_GE(status.st_blocks * 512, static_cast<long>(expected.size()));
}

TEST_F(RestoreTest, RestoringAgainInPlaceWritesNothing) {
  const auto snapshot = repository_.commit({repository_.item("/site", everything())});
  ::mkdir(sandbox_.target().c_str(), 0755);
  auto request = in_place();
  request.delete_extra = true;
  restore(snapshot, request);
  const auto before = describe(sandbox_.target());
  const auto report = restore(snapshot, request);
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.files_written, 0);
  EXPECT_EQ(report.bytes_written, 0);
  EXPECT_EQ(report.files_unchanged, 16);
  EXPECT_THAT(report.plan.to_change, IsEmpty());
  EXPECT_EQ(describe(sandbox_.target()), before);
}

TEST_F(RestoreTest, InPlaceMendsOnlyWhatDiffers) {
  const auto snapshot = repository_.commit({repository_.item("/site", everything())});
  ::mkdir(sandbox_.target().c_str(), 0755);
  restore(snapshot, in_place());
  const auto before = describe(sandbox_.target());

  Sandbox::write(sandbox_.at("site/small"), "other content");
  struct stat status{};
  ASSERT_EQ(::stat(sandbox_.at("site/labelled").c_str(), &status), 0);
  ::setxattr(sandbox_.at("site/labelled").c_str(), "user.colour", "blue", 4, 0);
  ::setxattr(sandbox_.at("site/old").c_str(), "user.extra", "1", 1, 0);
  ::chmod(sandbox_.at("site/private").c_str(), 0666);
  ::unlink(sandbox_.at("site/two").c_str());
  ::unlink(sandbox_.at("site/link").c_str());
  ::mkdir(sandbox_.at("site/link").c_str(), 0755);
  ::unlink(sandbox_.at("site/empty").c_str());
  ASSERT_EQ(::symlink(sandbox_.outside("secret").c_str(), sandbox_.at("site/empty").c_str()), 0);
  ::unlink(sandbox_.at("site/pipe").c_str());
  Sandbox::write(sandbox_.at("site/pipe"), "no pipe");
  Sandbox::write(sandbox_.at("site/extra"), "extra");
  ::mkdir(sandbox_.at("site/sub/more").c_str(), 0755);
  Sandbox::write(sandbox_.at("site/sub/more/extra"), "extra");

  auto request = in_place();
  request.delete_extra = true;
  request.dry_run = true;
  const auto damaged = describe(sandbox_.target());
  const auto plan = restore(snapshot, request).plan;
  EXPECT_EQ(describe(sandbox_.target()), damaged) << "a dry run changes nothing";
  EXPECT_THAT(plan.to_delete, ElementsAre(sandbox_.at("site/extra"), sandbox_.at("site/sub/more")));
  EXPECT_THAT(plan.to_change, Contains(sandbox_.at("site/small")));
  EXPECT_THAT(plan.to_change, Contains(sandbox_.at("site/labelled")));
  EXPECT_EQ(plan.bytes_to_write, std::string("small content").size());

  ::rmdir(sandbox_.at("site/link").c_str());
  request.dry_run = false;
  const auto report = restore(snapshot, request);
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(describe(sandbox_.target()), before);
  EXPECT_EQ(report.deleted, 3);
  EXPECT_EQ(report.bytes_written, std::string("small content").size());
  sandbox_.expect_outside_unchanged();
}

TEST_F(RestoreTest, AskedForPathsOnly) {
  const auto snapshot = repository_.commit({repository_.item("/srv/site", everything())});
  auto request = request_into(sandbox_.target());
  request.paths = {"/srv/site/sub/deep", "/srv/site/small"};
  const auto report = restore(snapshot, request);
  EXPECT_THAT(report.problems, IsEmpty());
  std::vector<std::string> names;
  for (const auto& [name, text] : describe(sandbox_.target()))
    names.push_back(name);
  EXPECT_THAT(names, ElementsAre("srv", "srv/site", "srv/site/small", "srv/site/sub",
                                 "srv/site/sub/deep", "srv/site/sub/deep/leaf"));
  request.directory = sandbox_.outside("target2");
  request.paths = {"/srv/site/absent"};
  EXPECT_EQ(kind_of([&] { restore(snapshot, request); }), base::ErrorKind::not_found);
  EXPECT_NE(::access(request.directory.c_str(), F_OK), 0) << "nothing was made";
}

TEST_F(RestoreTest, ContentsOfADirectoryOrAFileLandInTheTarget) {
  const auto snapshot = repository_.commit({repository_.item("/srv/site", everything())});
  auto request = request_into(sandbox_.target());
  request.layout = Layout::contents;
  request.paths = {"/srv/site/sub"};
  EXPECT_THAT(restore(snapshot, request).problems, IsEmpty());
  EXPECT_EQ(Sandbox::read(sandbox_.at("deep/leaf")), "leaf");
  EXPECT_THAT(describe(sandbox_.outside("")).at("target"), HasSubstr("41777"));
  request.directory = sandbox_.outside("target2");
  request.paths = {"/srv/site/small"};
  EXPECT_THAT(restore(snapshot, request).problems, IsEmpty());
  EXPECT_EQ(Sandbox::read(sandbox_.outside("target2/small")), "small content");
  request.directory = sandbox_.outside("target3");
  request.paths = {"/"};
  EXPECT_THAT(restore(snapshot, request).problems, IsEmpty());
  EXPECT_EQ(Sandbox::read(sandbox_.outside("target3/srv/site/small")), "small content");
}

TEST_F(RestoreTest, RefusesADirectoryThatIsNotEmpty) {
  const auto snapshot = repository_.commit({repository_.item("/site", everything())});
  ::mkdir(sandbox_.target().c_str(), 0755);
  Sandbox::write(sandbox_.at("mine"), "mine");
  EXPECT_EQ(kind_of([&] { restore(snapshot); }), base::ErrorKind::conflict);
  auto request = request_into(sandbox_.target());
  request.allow_existing = true;
  EXPECT_THAT(restore(snapshot, request).problems, IsEmpty());
  EXPECT_EQ(Sandbox::read(sandbox_.at("mine")), "mine");
  EXPECT_EQ(Sandbox::read(sandbox_.at("site/small")), "small content");
}

TEST_F(RestoreTest, RefusesRequestsThatMakeNoSense) {
  const auto snapshot = repository_.commit({repository_.item("/site", everything())});
  auto request = request_into("relative");
  EXPECT_EQ(kind_of([&] { restore(snapshot, request); }), base::ErrorKind::invalid_input);
  request = request_into(sandbox_.target());
  request.delete_extra = true;
  EXPECT_EQ(kind_of([&] { restore(snapshot, request); }), base::ErrorKind::invalid_input);
  request = request_into(sandbox_.target());
  request.layout = Layout::contents;
  EXPECT_EQ(kind_of([&] { restore(snapshot, request); }), base::ErrorKind::invalid_input);
  EXPECT_EQ(kind_of([&] { restore(snapshot, in_place()); }), base::ErrorKind::not_found);
}

TEST_F(RestoreTest, DatabaseReplacesWhatIsThereWithItsJournals) {
  auto content = noise(8192 * 700, 3);
  std::fill(content.begin() + 8192, content.begin() + 8192 * 40, '\0');
  content.resize(content.size() - 4096);
  const auto database = repository_.paged("blog.db", content, 8192);
  auto stale = repository_.file("blog.db-wal", "the files item had it too");
  const auto snapshot = repository_.commit(
      {repository_.item("/srv", repository_.directory("srv", {repository_.file("a", "a"), stale})),
       repository_.item("/srv/blog.db", database, repository::ItemKind::database)});
  EXPECT_THAT(restore(snapshot).problems, IsEmpty());
  EXPECT_EQ(Sandbox::read(sandbox_.at("srv/blog.db")), content);
  EXPECT_FALSE(describe(sandbox_.target()).contains("srv/blog.db-wal"));

  for (const char* suffix : {"-wal", "-shm", "-journal"})
    Sandbox::write(sandbox_.at(std::string("srv/blog.db") + suffix), "alien");
  auto report = restore(snapshot, in_place());
  EXPECT_EQ(report.bytes_written, 0) << "the database itself was right";
  EXPECT_EQ(report.deleted, 3);
  EXPECT_EQ(report.plan.to_delete.size(), 3);

  Sandbox::write(sandbox_.at("srv/blog.db"), content + "x");
  Sandbox::write(sandbox_.at("srv/blog.db-wal"), "alien");
  report = restore(snapshot, in_place());
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(Sandbox::read(sandbox_.at("srv/blog.db")), content);
  EXPECT_NE(::access(sandbox_.at("srv/blog.db-wal").c_str(), F_OK), 0);
  EXPECT_EQ(describe(sandbox_.target()).size(), 3) << "srv, a, blog.db";
}

TEST_F(RestoreTest, LargeFileInPlaceIsMended) {
  repository_.chunk_size = 4 << 20;
  repository_.segment_size = 8 << 20;
  const auto content = noise(FileWriter::mended_size_min + 5'000'000, 4);
  const auto snapshot = repository_.commit(
      {repository_.item("/d", repository_.directory("d", {repository_.file("big", content)}))});
  restore(snapshot);
  struct stat before{};
  ASSERT_EQ(::stat(sandbox_.at("d/big").c_str(), &before), 0);
  {
    const auto file = base::open_file(sandbox_.at("d/big"), O_WRONLY);
    base::write_at(file.get(), 30'000'000, base::as_bytes("flipped"), "big");
    ASSERT_EQ(::ftruncate(file.get(), 69'000'000), 0);
  }
  const auto report = restore(snapshot, in_place());
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_LE(report.bytes_written, 3 * repository_.chunk_size);
  EXPECT_TRUE(Sandbox::read(sandbox_.at("d/big")) == content);
  struct stat after{};
  ASSERT_EQ(::stat(sandbox_.at("d/big").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);

  ASSERT_EQ(::link(sandbox_.at("d/big").c_str(), sandbox_.at("d/other").c_str()), 0);
  Sandbox::write(sandbox_.at("d/other"), noise(FileWriter::mended_size_min + 1, 5));
  restore(snapshot, in_place());
  EXPECT_TRUE(Sandbox::read(sandbox_.at("d/big")) == content);
  EXPECT_TRUE(Sandbox::read(sandbox_.at("d/other")) == noise(FileWriter::mended_size_min + 1, 5))
      << "another name of the inode is not written through";
}

TEST_F(RestoreTest, AnInnerItemStandsInTheOuterOne) {
  auto inner = repository_.directory("inner", {repository_.file("new", "new")}, 0711);
  auto outer = repository_.directory(
      "outer", {repository_.directory("inner", {repository_.file("old", "old")}),
                repository_.file("z", "z")});
  const auto snapshot = repository_.commit(
      {repository_.item("/outer", outer), repository_.item("/outer/inner", inner)});
  EXPECT_THAT(restore(snapshot).problems, IsEmpty());
  const auto found = describe(sandbox_.target());
  EXPECT_TRUE(found.contains("outer/inner/new"));
  EXPECT_FALSE(found.contains("outer/inner/old"));
  EXPECT_THAT(found.at("outer/inner"), HasSubstr("40711"));
  EXPECT_THAT(found.at("outer"), HasSubstr("time 1600000000.123456789"));
}

TEST_F(RestoreTest, NamesDeeperThanAnyPathMayBe) {
  auto node = repository_.file("leaf", "deep down");
  for (int i = 0; i < 3000; ++i)
    node = repository_.directory("level", {node});
  const auto snapshot = repository_.commit({repository_.item("/deep", node)});
  EXPECT_THAT(restore(snapshot).problems, IsEmpty());
  base::Fd at = base::open_file(sandbox_.at("deep"), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 2999; ++i)
    at = open_directory(at.get(), "level", "level");
  EXPECT_EQ(content_at(at.get(), "leaf"), "deep down");
  EXPECT_THAT(describe_entry(at.get(), "leaf"), HasSubstr("time 1600000000.123456789"));
  const auto again = restore(snapshot, in_place());
  EXPECT_THAT(again.problems, IsEmpty());
  EXPECT_EQ(again.files_unchanged, 1);
  at = base::open_file(sandbox_.target(), O_RDONLY | O_DIRECTORY);
  remove_tree(at.get(), "deep", "deep", [](const std::string&) {});
}

TEST_F(RestoreTest, ManyFilesTakeManyWindows) {
  TestingRepository::Nodes nodes;
  for (std::size_t i = 0; i < Window::files_max + 4000; ++i)
    nodes.push_back(
        repository_.file(fmt::format("file{:06}", i), fmt::format("content {}", i % 97)));
  nodes.front().entry.hard_link = 5;
  auto last = nodes.front();
  last.entry.name = "zz";
  nodes.push_back(last);
  const auto snapshot =
      repository_.commit({repository_.item("/many", repository_.directory("many", nodes))});
  const auto report = restore(snapshot);
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.files_written, nodes.size());
  const auto found = describe(sandbox_.target());
  EXPECT_EQ(found.size(), nodes.size() + 1);
  EXPECT_THAT(found.at("many/file000011"), HasSubstr("content content 11"));
  EXPECT_EQ(found.at("many/file000000"), found.at("many/zz"));
  EXPECT_THAT(found.at("many"), HasSubstr("time 1600000000.123456789"));
  const auto again = restore(snapshot, in_place());
  EXPECT_EQ(again.files_unchanged, nodes.size());
  EXPECT_EQ(again.bytes_written, 0);
}

TEST_F(RestoreTest, DeletesNothingThatThePartialSnapshotCouldNotRead) {
  const auto tree = repository_.directory("d", {repository_.file("a", "a")});
  const auto partial = repository_.commit({repository_.item("/d", tree)}, [](auto& snapshot) {
    snapshot.problems = {{"/d/unreadable/file", base::ErrorKind::access_denied, "no"}};
    snapshot.statistics.problems = 1;
  });
  ::mkdir(sandbox_.target().c_str(), 0755);
  ::mkdir(sandbox_.at("d").c_str(), 0755);
  ::mkdir(sandbox_.at("d/unreadable").c_str(), 0755);
  Sandbox::write(sandbox_.at("d/unreadable/file"), "kept");
  Sandbox::write(sandbox_.at("d/extra"), "goes");
  auto request = in_place();
  request.delete_extra = true;
  const auto report = restore(partial, request);
  EXPECT_EQ(report.deleted, 1);
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/unreadable/file")), "kept");
  EXPECT_EQ(report.problems.size(), 1);

  auto vague = partial;
  vague.statistics.problems = 2000;
  EXPECT_EQ(kind_of([&] { restore(vague, request); }), base::ErrorKind::conflict);
}

TEST_F(RestoreTest, ADryRunIntoANewDirectoryMakesNothing) {
  const auto snapshot = repository_.commit({repository_.item("/srv/site", everything())});
  auto request = request_into(sandbox_.target());
  request.dry_run = true;
  const auto report = restore(snapshot, request);
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.plan.files, 11);
  EXPECT_EQ(report.plan.other, 5);
  EXPECT_EQ(report.plan.bytes, report.plan.bytes_to_write);
  EXPECT_GT(report.plan.bytes_to_fetch, 0);
  EXPECT_EQ(report.bytes_written, 0);
  EXPECT_NE(::access(sandbox_.target().c_str(), F_OK), 0);
}

/// The rest of the scope runs as nobody.
class AsNobody {
public:
  AsNobody() {
    if (::setegid(65534) != 0 || ::seteuid(65534) != 0) ADD_FAILURE() << "must run as root";
  }
  ~AsNobody() {
    if (::seteuid(0) != 0 || ::setegid(0) != 0) ADD_FAILURE() << "cannot become root again";
  }
};

TEST_F(RestoreTest, WithoutPrivilegeWhatNeedsItIsSaid) {
  auto setuid = repository_.file("setuid", "#!");
  setuid.entry.mode = 04755;
  auto own = repository_.file("own", "#!");
  own.entry.mode = 04711;
  own.entry.user_id = own.entry.group_id = 65534;
  auto secret = repository_.file("secret", "x");
  secret.entry.mode = 0;
  const auto snapshot = repository_.commit({repository_.item(
      "/d", repository_.directory(
                "d",
                {setuid, own,
                 repository_.directory("closed", {secret, repository_.symlink("l", "x")}, 0)},
                0500))});
  ::mkdir(sandbox_.target().c_str(), 0777);
  ASSERT_EQ(::chown(sandbox_.target().c_str(), 65534, 65534), 0);
  ASSERT_EQ(::chmod(sandbox_.outside("").c_str(), 0755), 0);
  repository_.give_cache_to(65534);
  auto request = in_place();
  RestoreReport first;
  RestoreReport second;
  {
    const AsNobody nobody;
    first = restore(snapshot, request);
    second = restore(snapshot, request);
  }
  ASSERT_EQ(first.problems.size(), 1);
  EXPECT_EQ(first.problems[0].path, sandbox_.at("d/setuid"));
  EXPECT_EQ(second.problems.size(), 1) << "closed directories are opened for the time being";
  const auto found = describe(sandbox_.target());
  EXPECT_THAT(found.at("d"), HasSubstr("40500 65534:65534"));
  EXPECT_THAT(found.at("d/own"), HasSubstr("104711"));
  EXPECT_THAT(found.at("d/setuid"), HasSubstr("100755"));
  EXPECT_THAT(found.at("d/closed"), HasSubstr("40000"));
  EXPECT_THAT(found.at("d/closed"), HasSubstr("time 1600000000.123456789"));
  EXPECT_THAT(found.at("d/closed/secret"), HasSubstr("100000"));
}

}  // namespace
}  // namespace holdfast::restore
