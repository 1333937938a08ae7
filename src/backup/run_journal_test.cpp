#include "run_journal.hpp"

#include "base/durable_file.hpp"
#include "base/random.hpp"
#include "base/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace holdfast::backup {
namespace {

class RunJournalTest : public ::testing::Test {
protected:
  void write_some() {
    RunJournal journal(directory_.path(), "site");
    journal.add_pack(pack_);
    journal.add_file(1, base::as_bytes("one"));
    journal.add_file(2, base::as_bytes("two"));
    journal.flush();
  }
  std::string path() { return std::filesystem::directory_iterator(directory_.path())->path(); }

  base::TemporaryDirectory directory_;
  base::SeededRandom random_{3};
  const base::PackId pack_ = random_.id<base::PackId>();
};

TEST_F(RunJournalTest, TheNextRunFindsWhatWasDone) {
  write_some();
  const RunJournal journal(directory_.path(), "site");
  EXPECT_EQ(journal.packs(), std::vector{pack_});
  EXPECT_EQ(base::as_text(journal.find(1).value()), "one");
  EXPECT_EQ(base::as_text(journal.find(2).value()), "two");
  EXPECT_FALSE(journal.find(3));
  EXPECT_FALSE(journal.find(0));
}

TEST_F(RunJournalTest, AppendingGoesOnAfterReadingBack) {
  write_some();
  {
    RunJournal journal(directory_.path(), "site");
    journal.add_file(3, base::as_bytes("three"));
    journal.flush();
  }
  const RunJournal journal(directory_.path(), "site");
  EXPECT_EQ(base::as_text(journal.find(3).value()), "three");
  EXPECT_EQ(base::as_text(journal.find(1).value()), "one");
}

TEST_F(RunJournalTest, ATornTailEndsTheReadingAndIsWrittenOver) {
  write_some();
  const auto whole = base::read_file(path(), 1 << 20);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    base::write_cache(path(), base::ByteView(whole).first(size), 0600);
    {
      RunJournal journal(directory_.path(), "site");
      if (const auto found = journal.find(2)) {
        EXPECT_EQ(base::as_text(*found), "two");
      }
      journal.add_file(9, base::as_bytes("nine"));
      journal.flush();
    }
    const RunJournal journal(directory_.path(), "site");
    EXPECT_EQ(base::as_text(journal.find(9).value()), "nine") << size;
  }
}

TEST_F(RunJournalTest, ACompleteRunLeavesNothing) {
  write_some();
  RunJournal(directory_.path(), "site").remove();
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

}  // namespace
}  // namespace holdfast::backup
