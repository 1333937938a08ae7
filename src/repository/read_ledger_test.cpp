#include "repository/read_ledger.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "envelope.hpp"
#include "index_segment.hpp"
#include "ledger_object.hpp"
#include "read_log.hpp"
#include "records_testing.hpp"
#include "repository/check.hpp"
#include "repository/key_ring.hpp"
#include "repository/repository_testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace holdfast::repository {
namespace {

using base::Error;
using base::ErrorKind;
using base::PackId;

constexpr std::int64_t day = 86'400;

PackId pack(int number) { return numbered_id<PackId>(number); }

PackReading reading(int number, std::int64_t seconds, ReadLevel level = ReadLevel::contents,
                    ReadResult result = ReadResult::whole) {
  return {pack(number), level, result, seconds};
}

TEST(ReadLedger, golden_bytes) {
  const std::vector<PackReading> readings = {
      reading(1, 1'700'000'000, ReadLevel::checksums, ReadResult::damaged),
      reading(1, 5),
  };
  const auto text = encode_readings(readings);
  const std::string id = "0100000000000000000000000000000000000000000000000000000000000000";
  EXPECT_EQ(base::to_hex(text),
            id + "0101" + "00f1536500000000" + id + "0200" + "0500000000000000");
  EXPECT_EQ(decode_readings(text), readings);
  EXPECT_TRUE(decode_readings({}).empty());
}

TEST(ReadLedger, refuses_what_no_writer_writes) {
  const std::vector<PackReading> two = {reading(1, 5), reading(2, 6)};
  const auto whole = encode_readings(two);
  const auto refused = [](const base::Bytes& text) {
    try {
      static_cast<void>(decode_readings(text));
      return false;
    } catch (const Error& error) {
      return error.kind() == ErrorKind::corrupt;
    }
  };
  auto swapped = whole;
  std::rotate(swapped.begin(), swapped.begin() + 42, swapped.end());
  EXPECT_TRUE(refused(swapped));
  auto twice = whole;
  std::copy_n(twice.begin(), 42, twice.begin() + 42);
  EXPECT_TRUE(refused(twice));
  auto shorter = whole;
  shorter.pop_back();
  EXPECT_TRUE(refused(shorter));
  for (const auto& [at, value] : {std::pair{32, 0}, {32, 3}, {33, 2}, {41, 1}}) {
    auto changed = whole;
    changed[static_cast<std::size_t>(at)] = static_cast<std::byte>(value);
    EXPECT_TRUE(refused(changed)) << at;
  }
  EXPECT_TRUE(refused(base::Bytes(42 * (ledger_readings_max + 1))));
}

TEST(ReadLedger, the_newest_reading_counts_in_whatever_order_it_comes) {
  for (const bool reversed : {false, true}) {
    std::vector<PackReading> all = {reading(1, 100, ReadLevel::contents, ReadResult::damaged),
                                    reading(1, 200), reading(1, 300, ReadLevel::checksums),
                                    reading(2, 50, ReadLevel::checksums)};
    if (reversed) std::ranges::reverse(all);
    ReadLedger ledger(1000);
    for (const auto& one : all)
      ledger.add(one);
    EXPECT_EQ(ledger.last_read(pack(1), ReadLevel::contents), 200);
    EXPECT_EQ(ledger.last_read(pack(1), ReadLevel::checksums), 300);
    EXPECT_FALSE(ledger.damaged(pack(1)));
    EXPECT_EQ(ledger.last_read(pack(2), ReadLevel::contents), std::nullopt);
    EXPECT_EQ(ledger.last_read(pack(2), ReadLevel::checksums), 50);
    EXPECT_EQ(ledger.last_read(pack(3), ReadLevel::checksums), std::nullopt);
  }
}

TEST(ReadLedger, damage_of_contents_is_not_taken_back_by_checksums) {
  ReadLedger ledger(1000);
  ledger.add(reading(1, 100, ReadLevel::contents, ReadResult::damaged));
  ledger.add(reading(1, 200, ReadLevel::checksums));
  EXPECT_TRUE(ledger.damaged(pack(1)));
  ledger.add(reading(1, 300));
  EXPECT_FALSE(ledger.damaged(pack(1)));
  ledger.add(reading(1, 400, ReadLevel::checksums, ReadResult::damaged));
  EXPECT_TRUE(ledger.damaged(pack(1)));
  ledger.add(reading(2, 500));
  ledger.add(reading(2, 500, ReadLevel::contents, ReadResult::damaged));
  ledger.add(reading(2, 500));
  EXPECT_TRUE(ledger.damaged(pack(2)));
}

TEST(ReadLedger, what_comes_from_the_future_does_not_count) {
  ReadLedger ledger(1'000'000);
  ledger.add(reading(1, 1'000'000 + 5 * 365 * day));
  ledger.add(reading(2, 1'000'000 + 60));
  ledger.add(reading(3, 900'000));
  ledger.add(reading(3, 1'000'000 + day));
  EXPECT_EQ(ledger.last_read(pack(1), ReadLevel::contents), std::nullopt);
  EXPECT_EQ(ledger.last_read(pack(2), ReadLevel::contents), 1'000'000);  // clocks differ a little
  EXPECT_EQ(ledger.last_read(pack(3), ReadLevel::contents), 900'000);
}

TEST(ReadLedger, a_summary_counts_each_pack_once) {
  const std::int64_t now = 1'000 * day;
  ReadLedger ledger(now);
  ledger.add(reading(1, now - 6 * day));
  ledger.add(reading(2, now - 40 * day, ReadLevel::contents, ReadResult::damaged));
  ledger.add(reading(3, now, ReadLevel::checksums));
  std::vector<PackInfo> packs;
  for (const int number : {1, 1, 2, 3})
    packs.push_back({pack(number), pipeline::PackKind::data, 1, 100});
  const auto contents = summarize_readings(ledger, packs, ReadLevel::contents);
  EXPECT_EQ(contents.packs, 3U);
  EXPECT_EQ(contents.bytes, 300U);
  EXPECT_EQ(contents.bytes_7_days, 100U);
  EXPECT_EQ(contents.bytes_30_days, 100U);
  EXPECT_EQ(contents.bytes_90_days, 200U);
  EXPECT_EQ(contents.never_packs, 1U);
  EXPECT_EQ(contents.never_bytes, 100U);
  EXPECT_EQ(contents.damaged_packs, 1U);
  EXPECT_EQ(contents.oldest_seconds, now - 40 * day);
  EXPECT_EQ(summarize_readings(ledger, packs, ReadLevel::checksums).never_packs, 0U);
}

/// A repository of a dozen packs and a check that keeps the ledger.
class AgingTest : public ::testing::Test, protected TestRepository {
protected:
  void SetUp() override {
    WriteSession session(*repository, small_packs());
    pipeline::SegmentCodec codec(1);
    for (int i = 0; i < 12; ++i) {
      const auto bytes = random_bytes(320'000);
      const auto id = repository->keys().chunk_id(bytes);
      ASSERT_TRUE(session.claim(id));
      pipeline::SegmentBuilder segment(400'000);
      segment.add(id, bytes);
      session.store(pipeline::PackKind::data, segment, codec);
    }
    session.finish();
    ASSERT_EQ(packs().size(), 12U);
    clock.advance_seconds(day);
  }

  std::vector<std::string> packs() const { return names("packs/"); }
  std::vector<std::string> ledger() const { return names("checks/"); }

  CheckReport age(std::int64_t older_than, std::optional<std::uint64_t> budget,
                  Repository* on = nullptr) {
    base::NoProgress progress;
    CheckOptions options;
    options.read_data = true;
    options.older_than_seconds = older_than;
    options.budget_bytes = budget;
    options.keep_ledger = true;
    options.threads = 2;
    return check(on == nullptr ? *reopen() : *on, options, progress, {});
  }
  ReadingSummary summary(ReadLevel level = ReadLevel::contents) {
    const auto opened = reopen();
    return summarize_readings(load_read_ledger(*opened).ledger, opened->index().packs(), level);
  }
};

TEST_F(AgingTest, goes_on_where_the_budget_ended_until_all_is_read) {
  std::uint64_t read = 0;
  for (int run = 0; run < 4; ++run) {
    const auto report = age(30 * day, 1'200'000);
    EXPECT_TRUE(report.clean());
    EXPECT_EQ(report.packs, 12U);
    EXPECT_EQ(report.packs_read, 3U);
    read += report.packs_read;
    EXPECT_EQ(report.packs_left, 12U - read);
    EXPECT_EQ(report.bytes_left == 0, read == 12);
    EXPECT_EQ(report.ledger_note, "");
    EXPECT_EQ(summary().never_packs, 12U - read);
    clock.advance_seconds(day);
  }
  EXPECT_EQ(age(30 * day, 1'200'000).packs_read, 0U);
  clock.advance_seconds(26 * day);  // the first three were read 30 days ago
  const auto report = age(30 * day, std::nullopt);
  EXPECT_EQ(report.packs_read, 3U);
  EXPECT_EQ(report.packs_left, 0U);
  EXPECT_EQ(summary().bytes_7_days * 4, summary().bytes);
}

TEST_F(AgingTest, a_budget_below_a_pack_reads_one) {
  const auto report = age(0, 1);
  EXPECT_EQ(report.packs_read, 1U);
  EXPECT_EQ(report.packs_left, 11U);
}

TEST_F(AgingTest, a_full_check_feeds_the_ledger_and_one_that_reads_nothing_does_not) {
  base::NoProgress progress;
  check(*reopen(), {.read_data = false, .threads = 1, .keep_ledger = true}, progress, {});
  check(*reopen(), {.read_data = true, .threads = 1}, progress, {});
  EXPECT_TRUE(ledger().empty());
  check(*reopen(), {.read_data = true, .threads = 1, .keep_ledger = true}, progress, {});
  EXPECT_EQ(ledger().size(), 1U);
  EXPECT_EQ(summary().never_packs, 0U);
  EXPECT_EQ(age(day, std::nullopt).packs_read, 0U);
}

TEST_F(AgingTest, a_damaged_pack_is_read_again_and_named_also_beyond_the_budget) {
  age(30 * day, std::nullopt);
  const auto name = packs().at(4);
  const auto whole = object(name);
  clock.advance_seconds(31 * day);
  flip(name, 5'000);
  EXPECT_FALSE(age(30 * day, std::nullopt).clean());
  EXPECT_EQ(summary().damaged_packs, 1U);
  auto report = age(30 * day, std::nullopt);  // a second later, so to speak
  EXPECT_EQ(report.packs_read, 1U);
  ASSERT_EQ(report.problems.size(), 1U);
  EXPECT_EQ(report.problems[0].object, name);
  clock.advance_seconds(29 * day);  // nothing else is due
  clock.advance_seconds(2 * day);   // and now all is
  age(30 * day, 1);
  report = age(30 * day, 1);
  EXPECT_EQ(report.packs_read, 1U);
  ASSERT_EQ(report.problems.size(), 1U);
  EXPECT_EQ(report.problems[0].object, name);
  replace(name, whole);
  while (age(30 * day, 1).packs_left != 0) {}
  EXPECT_TRUE(age(30 * day, std::nullopt).clean());
  EXPECT_EQ(summary().damaged_packs, 0U);
}

TEST_F(AgingTest, an_interrupted_check_goes_on_after_what_it_read) {
  std::stop_source stop;
  int reads = 0;
  plan = [&](storage::Operation operation, const std::string& name,
             std::uint64_t) -> std::optional<storage::Fault> {
    if (operation != storage::Operation::read || !name.starts_with("packs/")) return std::nullopt;
    if (++reads == 30) stop.request_stop();
    return std::nullopt;
  };
  base::NoProgress progress;
  CheckOptions options{.read_data = true, .threads = 1, .older_than_seconds = 30 * day};
  options.keep_ledger = true;
  EXPECT_THROW(check(*reopen(), options, progress, stop.get_token()), base::Cancelled);
  plan = nullptr;
  const auto left = summary().never_packs;
  EXPECT_GT(left, 0U);
  EXPECT_LT(left, 12U);
  EXPECT_EQ(age(30 * day, std::nullopt).packs_read, left);
}

TEST_F(AgingTest, many_objects_become_one_and_nothing_is_forgotten) {
  for (int run = 0; run < 40; ++run) {
    age(0, 1);
    clock.advance_seconds(60);
    EXPECT_LE(ledger().size(), 17U);
  }
  EXPECT_EQ(summary().never_packs, 0U);
  EXPECT_EQ(age(day, std::nullopt).packs_read, 0U);
}

TEST_F(AgingTest, two_machines_that_merge_at_once_lose_nothing) {
  for (int run = 0; run < 16; ++run) {
    age(0, 1);
    clock.advance_seconds(60);
  }
  ASSERT_EQ(ledger().size(), 16U);
  // Another machine merges between this one's look at the ledger and its removals.
  const auto other =
      Repository::open(*memory, passphrase, {clock, random, cache.path() + "/other"});
  bool merged = false;
  plan = [&](storage::Operation operation, const std::string& name,
             std::uint64_t) -> std::optional<storage::Fault> {
    if (operation == storage::Operation::remove && name.starts_with("checks/") && !merged) {
      merged = true;
      age(0, 1, other.get());
    }
    return std::nullopt;
  };
  age(0, 1);
  plan = nullptr;
  EXPECT_TRUE(merged);
  EXPECT_EQ(summary().never_packs, 0U);
}

TEST_F(AgingTest, a_damaged_or_foreign_object_is_named_and_its_packs_are_read_again) {
  age(30 * day, std::nullopt);
  const auto name = ledger().at(0);
  const auto whole = object(name);
  const auto expect_named = [&](const std::string& object) {
    const auto report = age(30 * day, std::nullopt);
    EXPECT_EQ(report.packs_read, 12U) << object;
    ASSERT_EQ(report.problems.size(), 1U);
    EXPECT_EQ(report.problems[0].object, object);
    for (const auto& other : ledger())
      memory->remove(other);
  };
  flip(name, whole.size() / 2);
  expect_named(name);
  const auto other = "checks/" + std::string(32, 'a');  // it says of itself where it belongs
  replace(other, whole);
  expect_named(other);
  replace("checks/readme", base::as_bytes("hello"));
  expect_named("checks/readme");
}

TEST_F(AgingTest, a_clock_that_was_wrong_costs_readings_and_hides_nothing) {
  const auto right = clock.wall_now();
  clock.set_wall({right.seconds + 5 * 365 * day, 0});
  age(30 * day, std::nullopt);
  clock.set_wall(right);
  EXPECT_EQ(summary().never_packs, 12U);
  EXPECT_EQ(age(30 * day, std::nullopt).packs_read, 12U);
  EXPECT_EQ(summary().never_packs, 0U);
  // A dead battery: 1970.
  clock.set_wall({1'000, 0});
  const auto report = age(30 * day, std::nullopt);
  EXPECT_EQ(report.packs_read, 12U);
  EXPECT_NE(report.ledger_note, "");
  clock.set_wall(right);
  EXPECT_EQ(age(30 * day, std::nullopt).packs_read, 0U);
  clock.advance_seconds(30 * day);
  EXPECT_EQ(age(30 * day, std::nullopt).packs_read, 12U);
}

TEST_F(AgingTest, a_store_that_takes_nothing_is_checked_all_the_same) {
  plan = [](storage::Operation operation, const std::string& name,
            std::uint64_t) -> std::optional<storage::Fault> {
    if (operation != storage::Operation::commit || !name.starts_with("checks/")) {
      return std::nullopt;
    }
    return storage::Fault{storage::Fault::When::before, ErrorKind::no_space};
  };
  const auto report = age(30 * day, std::nullopt);
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(report.packs_read, 12U);
  EXPECT_NE(report.ledger_note, "");
}

TEST_F(AgingTest, an_auditor_verifies_checksums_and_that_is_noted_as_such) {
  const base::Secret words(base::as_bytes("audit"));
  add_slot(*repository, Role::auditor,
           PassphraseLock{words, {1, crypto::PassphraseCost::memory_bytes_min}}, "auditor");
  const auto auditor = Repository::open(*store, words, environment());
  base::NoProgress progress;
  CheckOptions options{.read_data = true, .threads = 1, .older_than_seconds = day};
  options.keep_ledger = true;
  options.budget_bytes = 1'200'000;
  auto report = check(*auditor, options, progress, {});
  EXPECT_EQ(report.packs_read, 3U);
  EXPECT_EQ(report.packs_left, 9U);
  options.budget_bytes.reset();
  report = check(*auditor, options, progress, {});
  EXPECT_EQ(report.packs_read, 9U);
  EXPECT_EQ(summary(ReadLevel::checksums).never_packs, 0U);
  EXPECT_EQ(summary(ReadLevel::contents).never_packs, 12U);
  EXPECT_EQ(age(day, std::nullopt).packs_read, 12U);  // the owner's own reading says more
}

}  // namespace
}  // namespace holdfast::repository
