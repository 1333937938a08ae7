#include "base/durable_file.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/temporary_directory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <sys/stat.h>
#include <sys/wait.h>
#include <utility>

namespace holdfast::base {
namespace {

using Existing = DurableFile::Existing;
using Outcome = DurableFile::Outcome;

std::string text_of(const std::string& path) {
  return std::string(as_text(read_file(path, 1 << 20)));
}

std::size_t count_entries(const TemporaryDirectory& directory) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    count += entry.path().empty() ? 0 : 1;
  }
  return count;
}

TEST(DurableFile, AppearsWholeOnCommit) {
  const TemporaryDirectory directory;
  const auto path = directory.file("object");
  DurableFile file(path, 0640);
  file.append(as_bytes("hello "));
  file.append(as_bytes("world"));
  EXPECT_EQ(file.size(), 11U);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(file.commit(Existing::keep), Outcome::stored);
  EXPECT_EQ(text_of(path), "hello world");
  EXPECT_EQ(count_entries(directory), 1U);
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0700, 0600U);
}

TEST(DurableFile, KeepsOrReplacesWhatIsThere) {
  const TemporaryDirectory directory;
  const auto path = directory.file("object");
  write_durably(path, as_bytes("first"), 0600);
  DurableFile second(path, 0600);
  second.append(as_bytes("second"));
  EXPECT_EQ(second.commit(Existing::keep), Outcome::already_there);
  EXPECT_EQ(text_of(path), "first");
  DurableFile third(path, 0600);
  third.append(as_bytes("third"));
  EXPECT_EQ(third.commit(Existing::replace), Outcome::stored);
  EXPECT_EQ(text_of(path), "third");
  EXPECT_EQ(count_entries(directory), 1U);
}

TEST(DurableFile, LeavesNothingWithoutCommit) {
  const TemporaryDirectory directory;
  {
    DurableFile file(directory.file("object"), 0600);
    file.append(as_bytes("x"));
    const DurableFile moved(std::move(file));
    EXPECT_EQ(moved.size(), 1U);
    EXPECT_EQ(count_entries(directory), 1U);
  }
  EXPECT_EQ(count_entries(directory), 0U);
}

TEST(DurableFile, OneOfManyWritersStores) {
  const TemporaryDirectory directory;
  std::atomic<int> stored = 0;
  TaskGroup group;
  for (int i = 0; i < 8; ++i) {
    group.spawn([&](const std::stop_token&) {
      DurableFile file(directory.file("object"), 0600);
      file.append(as_bytes("the same bytes"));
      if (file.commit(Existing::keep) == Outcome::stored) ++stored;
    });
  }
  group.join();
  EXPECT_EQ(stored, 1);
  EXPECT_EQ(count_entries(directory), 1U);
}

TEST(DurableFile, NamesTheObjectThatCannotBeStored) {
  try {
    const DurableFile file("/nope/object", 0600);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found);
    EXPECT_NE(std::string(error.what()).find("/nope/"), std::string::npos);
  }
}

TEST(DurableFile, AFailedCommitLeavesTheOldFile) {
  const TemporaryDirectory directory;
  const auto path = directory.file("object");
  std::filesystem::create_directory(path);
  EXPECT_THROW(write_durably(path, as_bytes("x"), 0600), Error);
  EXPECT_TRUE(std::filesystem::is_directory(path));
  EXPECT_EQ(count_entries(directory), 1U);
}

/// What a writer leaves that was killed between its first write and its commit.
void leave_temporary_file(const TemporaryDirectory& directory) {
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    DurableFile file(directory.file("object"), 0600);
    file.append(as_bytes("half"));
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
}

TEST(RemoveAbandonedFiles, TakesOnlyWhatHasNoOwner) {
  const TemporaryDirectory directory;
  write_durably(directory.file("object"), as_bytes("x"), 0600);
  leave_temporary_file(directory);
  leave_temporary_file(directory);
  DurableFile alive(directory.file("other"), 0600);
  EXPECT_EQ(count_entries(directory), 4U);
  EXPECT_EQ(remove_abandoned_files(directory.path()), 2U);
  EXPECT_EQ(count_entries(directory), 2U);
  EXPECT_EQ(alive.commit(Existing::keep), Outcome::stored);
  EXPECT_EQ(remove_abandoned_files(directory.path()), 0U);
}

TEST(RemoveAbandonedFiles, IgnoresWhatIsNoRegularFile) {
  const TemporaryDirectory directory;
  std::filesystem::create_symlink("/etc/passwd", directory.file(".tmp-link"));
  std::filesystem::create_directory(directory.file(".tmp-directory"));
  ASSERT_EQ(::mkfifo(directory.file(".tmp-fifo").c_str(), 0600), 0);
  EXPECT_EQ(remove_abandoned_files(directory.path()), 0U);
  EXPECT_EQ(count_entries(directory), 3U);
  EXPECT_THROW(remove_abandoned_files("/nope"), Error);
}

TEST(RemoveAbandonedFiles, DoesNotDisturbWriters) {
  const TemporaryDirectory directory;
  std::atomic<bool> writing = true;
  TaskGroup group;
  group.spawn([&](const std::stop_token&) {
    while (writing)
      remove_abandoned_files(directory.path());
  });
  for (int i = 0; i < 300; ++i) {
    const auto path = directory.file(std::to_string(i));
    DurableFile file(path, 0600);
    file.append(as_bytes("x"));
    EXPECT_EQ(file.commit(Existing::keep), Outcome::stored);
    EXPECT_EQ(text_of(path), "x");
  }
  writing = false;
  group.join();
}

TEST(MakeDirectories, MakesWhatIsMissing) {
  const TemporaryDirectory directory;
  const auto deep = directory.file("a//b/c/");
  make_directories(deep, 0700);
  make_directories(deep, 0700);
  EXPECT_TRUE(std::filesystem::is_directory(deep));
  write_durably(directory.file("file"), {}, 0600);
  EXPECT_THROW(make_directories(directory.file("file/x"), 0700), Error);
  EXPECT_THROW(make_directories(directory.file("file"), 0700), Error);
  EXPECT_THROW(sync_directory(directory.file("nope")), Error);
}

}  // namespace
}  // namespace holdfast::base
