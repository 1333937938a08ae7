#include "wal.hpp"

#include "base/error.hpp"
#include "test_database.hpp"

#include <gtest/gtest.h>

namespace holdfast::sources {
namespace {

using test::Database;
using test::ScratchDatabase;

/// The log of a database that was written to, its last connection being still open.
base::Bytes make_log(int commit_count) {
  const ScratchDatabase scratch;
  Database writer(scratch.path());
  writer.run("PRAGMA journal_mode=wal; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x)");
  for (int i = 0; i < commit_count; ++i)
    writer.run("INSERT INTO t VALUES(randomblob(20000))");
  return base::read_file(scratch.path() + "-wal", 1 << 28);
}

WalOverlay::Read reader_of(const base::Bytes& log) {
  return [&](std::uint64_t offset, base::MutableBytes into) -> std::size_t {
    if (offset >= log.size()) return 0;
    const std::size_t count = std::min<std::size_t>(into.size(), log.size() - offset);
    std::copy_n(log.begin() + static_cast<std::ptrdiff_t>(offset), count, into.begin());
    return count;
  };
}

WalIndexHeader index_of(const WalOverlay& overlay) {
  WalIndexHeader index;
  index.frame_count = overlay.frame_count();
  index.page_count = overlay.page_count();
  index.frame_checksum = overlay.checksum();
  index.salts = overlay.salts();
  return index;
}

TEST(WalOverlay, RecoversWhatWasCommitted) {
  const base::Bytes log = make_log(100);
  const WalOverlay overlay = WalOverlay::recover(reader_of(log));
  EXPECT_EQ(overlay.page_size(), 4096U);
  EXPECT_EQ(overlay.frame_count(), (log.size() - 32) / (4096 + 24));
  EXPECT_GT(overlay.page_count(), 400U);
  EXPECT_TRUE(overlay.offset_of(1).has_value());
  EXPECT_FALSE(overlay.offset_of(overlay.page_count() + 1).has_value());
  const WalOverlay pinned = WalOverlay::read_pinned(reader_of(log), index_of(overlay));
  EXPECT_EQ(pinned.offset_of(2), overlay.offset_of(2));
}

TEST(WalOverlay, ACutOrDamagedLogEndsAtTheCommitBefore) {
  const base::Bytes whole = make_log(5);
  const WalOverlay all = WalOverlay::recover(reader_of(whole));
  for (std::size_t at = 0; at < whole.size(); at += 997) {
    base::Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at));
    base::Bytes flipped = whole;
    flipped[at] ^= std::byte{0x10};
    for (const base::Bytes& log : {cut, flipped}) {
      const WalOverlay overlay = WalOverlay::recover(reader_of(log));
      EXPECT_LE(overlay.frame_count(), all.frame_count());
      EXPECT_THROW(WalOverlay::read_pinned(reader_of(log), index_of(all)), base::Error);
    }
  }
}

TEST(WalOverlay, AnEmptyOrForeignLogHasNothing) {
  EXPECT_EQ(WalOverlay::recover(reader_of({})).frame_count(), 0U);
  EXPECT_EQ(WalOverlay::recover(reader_of(base::Bytes(100'000, std::byte{7}))).frame_count(), 0U);
}

TEST(WalIndex, AHeaderInChangeIsNotTaken) {
  std::array<std::byte, WalIndexHeader::size> bytes{};
  EXPECT_FALSE(parse_wal_index(bytes).has_value());
  bytes.fill(std::byte{1});
  EXPECT_FALSE(parse_wal_index(bytes).has_value());
}

}  // namespace
}  // namespace holdfast::sources
