// Damaged repositories, full disks, interrupted runs.
#include "base/task_group.hpp"
#include "file_writer.hpp"
#include "target.hpp"
#include "testing_repository.hpp"
#include "testing_target.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <atomic>
#include <cstring>
#include <sys/mount.h>

namespace holdfast::restore {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string noise(std::size_t size, std::uint64_t seed) {
  std::string text(size, '\0');
  base::SeededRandom(seed).fill(std::as_writable_bytes(std::span(text)));
  return text;
}

class DamageTest : public testing::Test {
protected:
  RestoreReport restore(const repository::Snapshot& snapshot, const RestoreRequest& request,
                        std::stop_token stopping = {}) {
    base::NoProgress progress;
    return run_restore(repository_.get(), snapshot, request, progress, std::move(stopping));
  }
  /// Files of two chunks each, spread over several segments.
  repository::Snapshot many_files(std::size_t count) {
    TestingRepository::Nodes nodes;
    for (std::size_t i = 0; i < count; ++i)
      nodes.push_back(repository_.file(fmt::format("f{:02}", i), content_of(i)));
    return repository_.commit({repository_.item("/d", repository_.directory("d", nodes))});
  }
  static std::string content_of(std::size_t i) { return noise(150'000, i); }

  TestingRepository repository_;
  Sandbox sandbox_;
};

TEST_F(DamageTest, DamagedSegmentsAreProblemsOfTheFilesThatNeedThem) {
  const auto snapshot = many_files(20);
  std::atomic<bool> on = true;
  repository_.tamper = [&](const std::string& name, std::uint64_t offset,
                           base::MutableBytes bytes) {
    constexpr std::uint64_t victim = 1'000'000;
    if (on && name.starts_with("packs/") && offset <= victim && offset + bytes.size() > victim)
      bytes[victim - offset] ^= std::byte{1};
  };
  const auto report = restore(snapshot, request_into(sandbox_.target()));
  EXPECT_THAT(report.problems, testing::Not(IsEmpty()));
  EXPECT_LT(report.problems.size(), 6) << "only what lies in the damaged segment";
  const auto found = describe(sandbox_.target());
  for (std::size_t i = 0; i < 20; ++i) {
    const auto path = sandbox_.at(fmt::format("d/f{:02}", i));
    const bool failed =
        std::any_of(report.problems.begin(), report.problems.end(),
                    [&](const RestoreProblem& problem) { return problem.path == path; });
    EXPECT_EQ(found.contains(fmt::format("d/f{:02}", i)), !failed) << path;
    if (!failed) {
      EXPECT_TRUE(Sandbox::read(path) == content_of(i));
    }
  }
  EXPECT_THAT(report.problems.front().message, HasSubstr("packs/"));

  on = false;  // the store was mended
  auto again = request_into(sandbox_.target());
  again.allow_existing = true;
  const auto rest = restore(snapshot, again);
  EXPECT_THAT(rest.problems, IsEmpty());
  EXPECT_EQ(rest.files_written, report.problems.size());
}

TEST_F(DamageTest, AMissingChunkIsNamed) {
  auto broken = repository_.file("broken", "content");
  broken.chunks.push_back(base::ChunkId{});
  const auto snapshot = repository_.commit({repository_.item(
      "/d", repository_.directory("d", {broken, repository_.file("good", "good")}))});
  const auto report = restore(snapshot, request_into(sandbox_.target()));
  ASSERT_EQ(report.problems.size(), 1);
  EXPECT_EQ(report.problems[0].path, sandbox_.at("d/broken"));
  EXPECT_THAT(report.problems[0].message, HasSubstr("00000000"));
  EXPECT_NE(::access(sandbox_.at("d/broken").c_str(), F_OK), 0);
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/good")), "good");
}

TEST_F(DamageTest, AMissingTreeLosesOnlyWhatIsBelowIt) {
  auto lost = repository_.directory("lost", {});
  lost.tree = base::ChunkId{};
  const auto snapshot = repository_.commit({repository_.item(
      "/d",
      repository_.directory("d", {repository_.file("a", "a"), lost, repository_.file("z", "z")}))});
  auto request = request_into(sandbox_.target());
  ::mkdir(sandbox_.target().c_str(), 0755);
  ::mkdir(sandbox_.at("d").c_str(), 0755);
  ::mkdir(sandbox_.at("d/lost").c_str(), 0755);
  Sandbox::write(sandbox_.at("d/lost/file"), "may not be extra");
  request.layout = Layout::in_place;
  request.delete_extra = true;
  const auto report = restore(snapshot, request);
  ASSERT_EQ(report.problems.size(), 1);
  EXPECT_EQ(report.problems[0].path, sandbox_.at("d/lost"));
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/z")), "z");
  EXPECT_EQ(Sandbox::read(sandbox_.at("d/lost/file")), "may not be extra");
}

TEST_F(DamageTest, WrongPagesOfADatabaseAreFound) {
  const auto content = noise(8192 * 20, 1);
  auto database = repository_.paged("db", content, 8192);
  database.paged->file_hash = base::Hash{};
  const auto snapshot =
      repository_.commit({repository_.item("/db", database, repository::ItemKind::database)});
  const auto report = restore(snapshot, request_into(sandbox_.target()));
  ASSERT_EQ(report.problems.size(), 1);
  EXPECT_THAT(report.problems[0].message, HasSubstr("not what was backed up"));
  EXPECT_NE(::access(sandbox_.at("db").c_str(), F_OK), 0);
}

TEST_F(DamageTest, AFullDiskIsOneClearErrorAndTheNextRunGoesOn) {
  const auto snapshot = many_files(40);  // 6 MB
  ::mkdir(sandbox_.target().c_str(), 0755);
  ASSERT_EQ(::mount("none", sandbox_.target().c_str(), "tmpfs", 0, "size=3m"), 0);
  try {
    restore(snapshot, request_into(sandbox_.target()));
    ADD_FAILURE() << "it fit";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::no_space);
    EXPECT_THAT(error.hint(), HasSubstr("run it again"));
  }
  EXPECT_EQ(::access(sandbox_.at(Target::marker_name).c_str(), F_OK), 0);
  ASSERT_EQ(::mount("none", sandbox_.target().c_str(), "tmpfs", MS_REMOUNT, "size=20m"), 0);
  const auto report = restore(snapshot, request_into(sandbox_.target()));
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_GT(report.files_unchanged, 5) << "what was right was left alone";
  for (std::size_t i = 0; i < 40; ++i)
    EXPECT_TRUE(Sandbox::read(sandbox_.at(fmt::format("d/f{:02}", i))) == content_of(i)) << i;
  EXPECT_NE(::access(sandbox_.at(Target::marker_name).c_str(), F_OK), 0);
  ::umount(sandbox_.target().c_str());
}

TEST_F(DamageTest, ACancelledRestoreResumes) {
  const auto snapshot = many_files(40);
  std::stop_source stop;
  repository_.tamper = [&](const std::string& name, std::uint64_t offset, base::MutableBytes) {
    if (name.starts_with("packs/") && offset > 2'000'000) stop.request_stop();
  };
  auto request = request_into(sandbox_.target());
  request.threads = 1;
  EXPECT_THROW(restore(snapshot, request, stop.get_token()), base::Cancelled);
  for (const auto& [name, text] : describe(sandbox_.target()))
    if (name.starts_with("d/f")) {
      EXPECT_THAT(text, HasSubstr("size 150000")) << name << " was left half written";
    }
  const auto report = restore(snapshot, request);
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.files_unchanged + report.files_written, 40);
  for (std::size_t i = 0; i < 40; ++i)
    EXPECT_TRUE(Sandbox::read(sandbox_.at(fmt::format("d/f{:02}", i))) == content_of(i)) << i;

  request.directory = sandbox_.outside("target2");
  EXPECT_THROW(restore(snapshot, request, stop.get_token()), base::Cancelled);
  const auto other = many_files(1);
  EXPECT_THROW(restore(other, request), base::Error) << "another snapshot is not mixed in";
}

TEST_F(DamageTest, LeftoversOfAKilledRunGo) {
  const auto snapshot = many_files(3);
  ::mkdir(sandbox_.target().c_str(), 0755);
  ::mkdir(sandbox_.at("d").c_str(), 0755);
  Sandbox::write(sandbox_.at("d/.holdfast-restore-0011223344556677"), "half");
  Sandbox::write(sandbox_.at("d/f01"), "half");
  auto request = request_into(sandbox_.target());
  request.layout = Layout::in_place;
  EXPECT_THAT(restore(snapshot, request).problems, IsEmpty());
  const auto found = describe(sandbox_.target());
  EXPECT_EQ(found.size(), 4) << "d and three files";
  EXPECT_TRUE(Sandbox::read(sandbox_.at("d/f01")) == content_of(1));
}

TEST_F(DamageTest, AHalfWrittenLargeFileIsGoneOnWith) {
  repository_.chunk_size = 4 << 20;
  repository_.segment_size = 8 << 20;
  const auto content = noise(FileWriter::mended_size_min + 1'000'000, 4);
  const auto snapshot = repository_.commit(
      {repository_.item("/d", repository_.directory("d", {repository_.file("big", content)}))});
  std::stop_source stop;
  repository_.tamper = [&](const std::string& name, std::uint64_t offset, base::MutableBytes) {
    if (name.starts_with("packs/") && offset > 20'000'000) stop.request_stop();
  };
  EXPECT_THROW(restore(snapshot, request_into(sandbox_.target()), stop.get_token()),
               base::Cancelled);
  const auto report = restore(snapshot, request_into(sandbox_.target()));
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_LT(report.bytes_written, content.size());
  EXPECT_TRUE(Sandbox::read(sandbox_.at("d/big")) == content);
}

}  // namespace
}  // namespace holdfast::restore
