// Databases on a medium that cannot be written.

#include "base/error.hpp"
#include "sources/sqlite/sqlite_source.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

#include <sys/mount.h>

namespace holdfast::sources {
namespace {

using test::Database;
using test::pages_of;
using test::same_pages;
using test::ScratchDatabase;
using test::seen_by_sqlite;

/// A filesystem in memory that is filled, then made read-only.
class Medium {
public:
  Medium() { mounted_ = ::mount("none", directory_.path().c_str(), "tmpfs", 0, nullptr) == 0; }
  ~Medium() {
    if (mounted_) ::umount(directory_.path().c_str());
  }
  Medium(const Medium&) = delete;
  Medium& operator=(const Medium&) = delete;

  bool is_mounted() const { return mounted_; }
  std::string path() const { return directory_.file("app.db"); }
  void make_read_only() const {
    ASSERT_EQ(::mount("none", directory_.path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr),
              0);
  }

private:
  base::TemporaryDirectory directory_;
  bool mounted_ = false;
};

class ReadOnlyMedium : public testing::TestWithParam<const char*> {};

TEST_P(ReadOnlyMedium, IsReadAsItIs) {
  const Medium medium;
  if (!medium.is_mounted()) return SUCCEED() << "mounting needs the superuser";
  const ScratchDatabase scratch;
  const std::string kind = GetParam();
  Database writer(scratch.path());
  writer.run(kind == "delete" ? "PRAGMA journal_mode=delete" : "PRAGMA journal_mode=wal");
  writer.run("CREATE TABLE t(x); INSERT INTO t VALUES(randomblob(50000))");
  if (kind == "wal, closed") writer.run("PRAGMA wal_checkpoint(TRUNCATE)");
  test::copy(scratch.path(), medium.path());
  if (kind == "wal, with a log") test::copy(scratch.path() + "-wal", medium.path() + "-wal");
  medium.make_read_only();
  const auto source = open_sqlite(medium.path());
  EXPECT_TRUE(same_pages(pages_of(*source), seen_by_sqlite(scratch.path())));
  EXPECT_EQ(open_sqlite(medium.path())->change_token(), source->change_token());
  source->release();
}

INSTANTIATE_TEST_SUITE_P(Sqlite, ReadOnlyMedium,
                         testing::Values("delete", "wal, closed", "wal, with a log"));

}  // namespace
}  // namespace holdfast::sources
