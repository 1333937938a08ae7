// Snapshots while other processes commit, checkpoint and start the log again as fast as they can.

#include "base/error.hpp"
#include "sources/sqlite/sqlite_source.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace holdfast::sources {
namespace {

using test::Database;
using test::OtherProcess;
using test::pages_of;
using test::same_pages;
using test::ScratchDatabase;
using test::seen_by_sqlite;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int snapshot_count = 50;  // each takes many times as long
#else
constexpr int snapshot_count = 200;
#endif
constexpr int comparison_count_min = snapshot_count / 10;
constexpr int attempt_count_max = 2000;

/// A log that grows faster than it is read would never be read to its end.
void keep_log_small(Database& application, const std::string& path) {
  constexpr std::uintmax_t log_size_max = 16 * 1024 * 1024;
  std::error_code missing;
  for (auto size = std::filesystem::file_size(path + "-wal", missing);
       !missing && size > log_size_max; size = std::filesystem::file_size(path + "-wal", missing)) {
    application.try_run("PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite3_sleep(1);
  }
}

/// Moves an amount between two tables in each transaction: at every commit both sums add up to
/// 1000.
void commit_for_ever(const std::string& path, const char* journal, unsigned seed) {
  Database application(path);
  application.run("PRAGMA synchronous=off; PRAGMA wal_autocheckpoint=" +
                  std::to_string(5 + seed * 40));
  for (unsigned round = 0;; ++round) {
    const std::string amount = std::to_string((round * 7 + seed) % 90);
    application.run("BEGIN IMMEDIATE; UPDATE a SET x = x - " + amount +
                    " WHERE id = 1; UPDATE b SET x = x + " + amount +
                    " WHERE id = 1; INSERT INTO filler(text) VALUES(randomblob(" +
                    std::to_string(round % 9000) + ")); COMMIT");
    // The database stays small, so that many snapshots can be taken, and has free pages and cuts.
    if (round % 20 == 19)
      application.run("DELETE FROM filler WHERE id < (SELECT max(id) - 60 FROM filler)");
    if (round % 300 == 299) application.try_run("VACUUM");
    if (std::string(journal) != "wal") {
      sqlite3_sleep(1);
    } else if (round % 11 == 0) {
      const char* modes[] = {"PASSIVE", "RESTART", "TRUNCATE", "FULL"};
      application.try_run(std::string("PRAGMA wal_checkpoint(") + modes[round / 11 % 4] + ")");
      keep_log_small(application, path);
    }
  }
}

void check_content(const std::string& pages) {
  const base::TemporaryDirectory directory;
  const std::string path = directory.file("copy.db");
  {
    const base::Fd file = base::open_file(path, O_WRONLY | O_CREAT, 0600);
    base::write_all(file.get(), base::as_bytes(pages), path);
  }
  Database copy(path);
  ASSERT_EQ(copy.ask("PRAGMA integrity_check"), "ok");
  ASSERT_EQ(copy.ask("SELECT (SELECT x FROM a) + (SELECT x FROM b)"), "1000");
}

/// A reader that pinned its snapshot between two of ours that are equal must see the same pages.
bool compare_with_a_reader(const std::string& path) {
  const auto before = open_sqlite(path);
  Database reader(path);
  reader.run("BEGIN; SELECT count(*) FROM sqlite_master");
  if (open_sqlite(path)->change_token() != before->change_token()) return false;
  EXPECT_TRUE(same_pages(pages_of(*before), seen_by_sqlite(reader.get())));
  before->release();
  return true;
}

class Stress : public testing::TestWithParam<const char*> {};

TEST_P(Stress, EverySnapshotIsACommittedState) {
  const ScratchDatabase scratch;
  OtherProcess one([&] { commit_for_ever(scratch.path(), GetParam(), 0); });
  OtherProcess two([&] { commit_for_ever(scratch.path(), GetParam(), 1); });
  Database(scratch.path())
      .run(std::string("PRAGMA journal_mode=") + GetParam() +
           "; CREATE TABLE a(id INTEGER PRIMARY KEY, x); CREATE TABLE b(id INTEGER PRIMARY KEY, x);"
           "CREATE TABLE filler(id INTEGER PRIMARY KEY, text);"
           "INSERT INTO a VALUES(1, 1000); INSERT INTO b VALUES(1, 0)");
  one.start();
  two.start();
  std::string last_token;
  int change_count = 0;
  for (int i = 0; i < snapshot_count; ++i) {
    const auto source = open_sqlite(scratch.path());
    if (i % 3 == 0) sqlite3_sleep(5);
    const std::string pages = pages_of(*source);
    change_count += source->change_token() != last_token ? 1 : 0;
    last_token = source->change_token();
    source->release();
    check_content(pages);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(change_count, snapshot_count / 10) << "the writers were not at work";
  int comparison_count = 0;
  for (int i = 0; i < attempt_count_max && comparison_count < comparison_count_min; ++i)
    comparison_count += compare_with_a_reader(scratch.path()) ? 1 : 0;
  EXPECT_EQ(comparison_count, comparison_count_min);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, Stress, testing::Values("wal", "delete"));

}  // namespace
}  // namespace holdfast::sources
