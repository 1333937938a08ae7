#include "sources/sqlite/sqlite_source.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "test_database.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>

namespace holdfast::sources {
namespace {

using base::Error;
using base::ErrorKind;
using test::Database;
using test::integrity_of;
using test::pages_of;
using test::Problems;
using test::same_pages;
using test::ScratchDatabase;
using test::seen_by_sqlite;
using testing::HasSubstr;

Error error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ErrorKind::io, ""};
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string value_of(const ConsistencyStamp& stamp, const std::string& name) {
  for (const auto& [key, value] : stamp.values)
    if (key == name) return value;
  return "";
}

struct Shape {
  const char* journal;
  int page_size;
};

void PrintTo(const Shape& shape, std::ostream* out) {
  *out << shape.journal << "/" << shape.page_size;
}

class EveryShape : public testing::TestWithParam<Shape> {};

TEST_P(EveryShape, PagesAreThoseThatSqliteSees) {
  const ScratchDatabase scratch;
  Database writer(scratch.path());
  writer.run("PRAGMA page_size=" + std::to_string(GetParam().page_size));
  writer.run(std::string("PRAGMA journal_mode=") + GetParam().journal);
  writer.run("PRAGMA wal_autocheckpoint=20");
  writer.run("CREATE TABLE t(id INTEGER PRIMARY KEY, text BLOB)");
  for (int round = 0; round < 30; ++round) {
    writer.run("INSERT INTO t(text) VALUES(randomblob(3000)), (randomblob(50))");
    if (round % 7 == 3) writer.run("DELETE FROM t WHERE id % 3 = 0");
    if (round == 20) writer.run("VACUUM");
    const auto source = open_sqlite(scratch.path());
    const std::string pages = pages_of(*source);
    source->release();
    ASSERT_EQ(source->page_size(), static_cast<std::uint32_t>(GetParam().page_size));
    ASSERT_TRUE(same_pages(pages, seen_by_sqlite(scratch.path()))) << "round " << round;
    ASSERT_EQ(integrity_of(pages), "ok") << "round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Sqlite, EveryShape,
                         testing::Values(Shape{"wal", 512}, Shape{"wal", 4096}, Shape{"wal", 65536},
                                         Shape{"delete", 512}, Shape{"delete", 4096},
                                         Shape{"delete", 65536}, Shape{"truncate", 1024},
                                         Shape{"persist", 8192}));

TEST(SqliteSource, WritersGoOnInWalModeAndTheSnapshotStays) {
  const ScratchDatabase scratch;
  Database writer(scratch.path());
  writer.run("PRAGMA journal_mode=wal; CREATE TABLE t(x); INSERT INTO t VALUES(1)");
  const std::string before = seen_by_sqlite(scratch.path());
  const auto source = open_sqlite(scratch.path());
  const std::string token = source->change_token();
  for (int i = 0; i < 50; ++i)
    writer.run("INSERT INTO t VALUES(randomblob(10000))");
  writer.run("PRAGMA wal_checkpoint(PASSIVE)");
  EXPECT_TRUE(same_pages(pages_of(*source), before));
  source->release();
  EXPECT_NE(open_sqlite(scratch.path())->change_token(), token);
}

/// A pin on the empty or wholly checkpointed log sees only the file; the log may start again
/// meanwhile.
TEST(SqliteSource, ACheckpointedLogMayStartAgainWhileTheSnapshotIsRead) {
  const ScratchDatabase scratch;
  Database writer(scratch.path());
  writer.run("PRAGMA journal_mode=wal; CREATE TABLE t(x); INSERT INTO t VALUES(1)");
  writer.run("PRAGMA wal_checkpoint(TRUNCATE)");
  const std::string before = seen_by_sqlite(scratch.path());
  const auto source = open_sqlite(scratch.path());
  for (int i = 0; i < 50; ++i) {
    writer.run("INSERT INTO t VALUES(randomblob(10000))");
    if (i % 10 == 5) writer.try_run("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  EXPECT_TRUE(same_pages(pages_of(*source), before));
  source->release();
}

TEST(SqliteSource, TheTokenIsEqualWhileNothingChanges) {
  for (const char* journal : {"wal", "delete"}) {
    const ScratchDatabase scratch;
    Database writer(scratch.path());
    writer.run(std::string("PRAGMA journal_mode=") + journal);
    writer.run("CREATE TABLE t(x)");
    const std::string first = open_sqlite(scratch.path())->change_token();
    EXPECT_EQ(open_sqlite(scratch.path())->change_token(), first);
    writer.run("INSERT INTO t VALUES(1)");
    const std::string second = open_sqlite(scratch.path())->change_token();
    EXPECT_NE(second, first) << journal;
    EXPECT_EQ(open_sqlite(scratch.path())->change_token(), second);
  }
}

TEST(SqliteSource, LeavesNoFilesThatWereNotThere) {
  const ScratchDatabase scratch;
  Database(scratch.path()).run("PRAGMA journal_mode=wal; CREATE TABLE t(x)");
  ASSERT_FALSE(exists(scratch.path() + "-wal"));
  const auto mtime = [&] {
    struct stat status{};
    ::stat(scratch.path().c_str(), &status);
    return std::pair(status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  };
  const auto before = mtime();
  {
    const auto source = open_sqlite(scratch.path());
    pages_of(*source);
    source->release();
  }
  EXPECT_FALSE(exists(scratch.path() + "-wal"));
  EXPECT_FALSE(exists(scratch.path() + "-shm"));
  EXPECT_EQ(mtime(), before);
}

TEST(SqliteSource, LeavesTheLogOfADeadWriterAsItIs) {
  const ScratchDatabase scratch;
  ScratchDatabase crashed;
  {
    Database writer(scratch.path());
    writer.run("PRAGMA journal_mode=wal; CREATE TABLE t(x); INSERT INTO t VALUES(42)");
    test::copy(scratch.path(), crashed.path());
    test::copy(scratch.path() + "-wal", crashed.path() + "-wal");
  }
  const auto read = [](const std::string& path) {
    return base::as_text(base::read_file(path, 1 << 24)).size();
  };
  const auto wal_size = read(crashed.path() + "-wal");
  const auto source = open_sqlite(crashed.path());
  const std::string pages = pages_of(*source);
  EXPECT_NE(value_of(source->stamp(), "wal_frame"), "");
  source->release();
  EXPECT_EQ(read(crashed.path() + "-wal"), wal_size);
  EXPECT_TRUE(same_pages(pages, seen_by_sqlite(scratch.path())));
}

TEST(SqliteSource, AnEmptyFileIsAnEmptyDatabase) {
  const ScratchDatabase scratch;
  std::ofstream(scratch.path()).flush();
  const auto source = open_sqlite(scratch.path());
  EXPECT_EQ(source->page_count(), 0U);
  source->read_pages(0, {});
  Problems problems;
  EXPECT_EQ(source->root(problems.sink()).entry.size, 0U);
  source->release();
}

TEST(SqliteSource, RootIsTheFileWithTheSizeOfTheSnapshot) {
  const ScratchDatabase scratch;
  Database writer(scratch.path());
  writer.run("PRAGMA journal_mode=wal; CREATE TABLE t(x); INSERT INTO t VALUES(randomblob(99999))");
  ASSERT_EQ(::chmod(scratch.path().c_str(), 0640), 0);
  Problems problems;
  const auto source = open_sqlite(scratch.path());
  const auto root = source->root(problems.sink());
  EXPECT_EQ(root.entry.name, "app.db");
  EXPECT_EQ(root.entry.mode, 0640U);
  EXPECT_EQ(root.entry.size, source->page_count() * source->page_size());
  EXPECT_GT(root.entry.size, 99999U);
  EXPECT_EQ(source->ancestors().back().kind, EntryKind::directory);
  EXPECT_EQ(source->stamp().engine, "sqlite");
  EXPECT_EQ(value_of(source->stamp(), "journal"), "wal");
}

TEST(SqliteSource, WhatIsNoDatabaseIsTold) {
  const ScratchDatabase scratch;
  EXPECT_EQ(error_of([&] { open_sqlite(scratch.path()); }).kind(), ErrorKind::not_found);
  std::ofstream(scratch.path()) << std::string(5000, 'x');
  EXPECT_EQ(error_of([&] { open_sqlite(scratch.path()); }).kind(), ErrorKind::corrupt);
  EXPECT_EQ(error_of([&] { open_sqlite("/dev/null"); }).kind(), ErrorKind::invalid_input);
}

TEST(SqliteSource, ACutDatabaseIsTold) {
  const ScratchDatabase scratch;
  Database(scratch.path()).run("CREATE TABLE t(x); INSERT INTO t VALUES(randomblob(99999))");
  ASSERT_EQ(::truncate(scratch.path().c_str(), 8192), 0);
  EXPECT_EQ(error_of([&] { open_sqlite(scratch.path()); }).kind(), ErrorKind::corrupt);
}

TEST(SqliteSource, ALockedDatabaseIsUnavailable) {
  const ScratchDatabase scratch;
  Database writer(scratch.path());
  writer.run("CREATE TABLE t(x); BEGIN EXCLUSIVE; INSERT INTO t VALUES(1)");
  const Error error = error_of([&] { open_sqlite(scratch.path(), 50); });
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_THAT(error.hint(), HasSubstr("another process"));
}

TEST(SqliteSource, AHotJournalIsRolledBack) {
  const ScratchDatabase scratch;
  const ScratchDatabase crashed;
  Database writer(scratch.path());
  writer.run("CREATE TABLE t(x); INSERT INTO t VALUES(zeroblob(300000))");
  const std::string before = seen_by_sqlite(scratch.path());
  // A small cache makes SQLite write to the file before the commit.
  writer.run("PRAGMA cache_size=5; PRAGMA cache_spill=1; BEGIN; UPDATE t SET x=randomblob(300000)");
  test::copy(scratch.path(), crashed.path());
  test::copy(scratch.path() + "-journal", crashed.path() + "-journal");
  writer.run("ROLLBACK");
  const auto source = open_sqlite(crashed.path());
  EXPECT_TRUE(same_pages(pages_of(*source), before));
  source->release();
}

TEST(SqliteSource, IsReachedThroughALink) {
  const ScratchDatabase scratch;
  Database writer(scratch.path());
  writer.run("PRAGMA journal_mode=wal; CREATE TABLE t(x); INSERT INTO t VALUES(1)");
  const std::string link = scratch.path() + ".link";
  ASSERT_EQ(::symlink(scratch.path().c_str(), link.c_str()), 0);
  const auto source = open_sqlite(link);
  EXPECT_EQ(source->path(), scratch.path());
  EXPECT_TRUE(same_pages(pages_of(*source), seen_by_sqlite(scratch.path())));
  source->release();
  EXPECT_THAT(
      sqlite_companions(link),
      testing::ElementsAre(link + "-wal", link + "-shm", link + "-journal", scratch.path() + "-wal",
                           scratch.path() + "-shm", scratch.path() + "-journal"));
}

TEST(SqliteSource, ALostPinIsNoticed) {
  for (const bool checkpointed : {false, true}) {
    const ScratchDatabase scratch;
    test::OtherProcess process([&] {
      Database writer(scratch.path());
      for (int i = 0; i < 20; ++i) {
        writer.run("INSERT INTO t VALUES(randomblob(10000))");
        writer.try_run("PRAGMA wal_checkpoint(TRUNCATE)");
      }
    });
    Database other(scratch.path());
    other.run("PRAGMA journal_mode=wal; CREATE TABLE t(x); INSERT INTO t VALUES(1)");
    if (checkpointed) other.run("PRAGMA wal_checkpoint(TRUNCATE)");
    const auto source = open_sqlite(scratch.path());
    // What POSIX does to locks when any descriptor of the file is closed by the process that holds
    // them.
    for (const char* suffix : {"", "-shm"})
      base::open_file(scratch.path() + suffix, O_RDONLY);
    process.start();
    ASSERT_EQ(process.join(), 0);
    EXPECT_EQ(error_of([&] { source->release(); }).kind(), ErrorKind::conflict) << checkpointed;
  }
}

}  // namespace
}  // namespace holdfast::sources
