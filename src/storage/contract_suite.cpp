#include "storage/contract_suite.hpp"

#include "base/error.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

namespace holdfast::storage {

using base::Bytes;
using base::ByteView;
using base::ErrorKind;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

BackendContract::BackendContract() : place_(GetParam().make()), backend_(place_->open()) {}
BackendContract::~BackendContract() = default;

// storage's own tests link this file too, and have no backend.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BackendContract);

std::vector<MakePlace> contract_parameters(MakePlace make) { return {std::move(make)}; }

namespace {

Bytes random_bytes(std::uint64_t seed, std::size_t size) {
  base::SeededRandom random(seed);
  Bytes bytes(size);
  random.fill(bytes);
  return bytes;
}

Bytes text(const char* characters) { return base::copy_of(base::as_bytes(characters)); }

std::vector<std::string> names(Backend& backend, const std::string& prefix) {
  std::vector<std::string> found;
  backend.list(prefix, [&](const ObjectInfo& info) { found.push_back(info.name); });
  return found;
}

template <class Work>
ErrorKind kind_of_failure(Work work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error.kind();
  }
  return ErrorKind{};
}

void expect_stored(Backend& backend, const std::string& name, ByteView bytes) {
  EXPECT_EQ(put(backend, name, bytes), PutOutcome::stored) << name;
}

/// What is locked is gone too, for all who look.
void expect_removed(Backend& backend, const std::string& name) {
  EXPECT_NE(backend.remove(name), RemoveOutcome::was_absent) << name;
}

Bytes read_range(Backend& backend, const std::string& name, std::uint64_t offset,
                 std::size_t size) {
  Bytes bytes(size);
  bytes.resize(backend.read(name, offset, bytes));
  return bytes;
}

}  // namespace

TEST_P(BackendContract, gives_back_what_was_put) {
  for (const std::size_t size : std::vector<std::size_t>{0, 1, 4095, 4096, 4097, 300'000}) {
    const auto name = "packs/ab/" + std::to_string(size);
    const auto bytes = random_bytes(size, size);
    expect_stored(backend_, name, bytes);
    EXPECT_EQ(get(backend_, name, size), bytes);
    EXPECT_EQ(backend_.stat(name), (ObjectInfo{name, size}));
  }
}

TEST_P(BackendContract, joins_appended_pieces_of_any_size) {
  const auto bytes = random_bytes(1, 3'000'000);
  const auto writer = backend_.create("object");
  base::SeededRandom random(2);
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t most = random.below(4) == 0 ? 900'000 : 5000;
    const auto size = std::min<std::size_t>(random.below(most), bytes.size() - at);
    writer->append(ByteView(bytes).subspan(at, size));
    at += size;
  }
  EXPECT_EQ(writer->commit(), PutOutcome::stored);
  EXPECT_EQ(get(backend_, "object", bytes.size()), bytes);
}

TEST_P(BackendContract, keeps_a_large_object) {
  constexpr std::size_t piece_size = 1 << 20;
  constexpr std::size_t piece_count = 130;
  const auto piece = random_bytes(1, piece_size);
  const auto writer = backend_.create("packs/large");
  for (std::size_t i = 0; i < piece_count; ++i)
    writer->append(piece);
  EXPECT_EQ(writer->commit(), PutOutcome::stored);
  EXPECT_EQ(backend_.stat("packs/large")->size, piece_size * piece_count);
  EXPECT_EQ(read_range(backend_, "packs/large", (piece_count - 1) * piece_size, piece_size), piece);
}

TEST_P(BackendContract, never_replaces_an_object) {
  expect_stored(backend_, "a/b", text("first"));
  EXPECT_EQ(put(backend_, "a/b", text("second")), PutOutcome::already_there);
  EXPECT_EQ(get(backend_, "a/b", 100), text("first"));
}

TEST_P(BackendContract, shows_nothing_before_commit) {
  const auto writer = backend_.create("a/b");
  writer->append(random_bytes(1, 2'000'000));
  EXPECT_EQ(backend_.stat("a/b"), std::nullopt);
  EXPECT_THAT(names(backend_, ""), IsEmpty());
  EXPECT_EQ(kind_of_failure([&] { read_range(backend_, "a/b", 0, 1); }), ErrorKind::not_found);
  EXPECT_EQ(writer->commit(), PutOutcome::stored);
  EXPECT_THAT(names(backend_, ""), UnorderedElementsAre("a/b"));
}

TEST_P(BackendContract, forgets_what_was_not_committed) {
  backend_.create("a/b")->append(text("dropped"));
  EXPECT_THAT(names(backend_, ""), IsEmpty());
  EXPECT_EQ(backend_.remove_leftovers(), 0U);
  expect_stored(backend_, "a/b", text("kept"));
  EXPECT_EQ(get(backend_, "a/b", 100), text("kept"));
}

TEST_P(BackendContract, leaves_a_live_writer_alone) {
  const auto writer = backend_.create("a/b");
  writer->append(random_bytes(1, 1'000'000));
  place_->open().remove_leftovers();
  EXPECT_EQ(writer->commit(), PutOutcome::stored);
  EXPECT_EQ(backend_.stat("a/b")->size, 1'000'000U);
}

TEST_P(BackendContract, reads_ranges_also_at_and_beyond_the_end) {
  const auto bytes = random_bytes(1, 10'000);
  expect_stored(backend_, "object", bytes);
  const auto expect_range = [&](std::uint64_t offset, std::size_t size, std::size_t count) {
    const auto there = count == 0 ? ByteView() : ByteView(bytes).subspan(offset, count);
    EXPECT_EQ(read_range(backend_, "object", offset, size), base::copy_of(there)) << offset;
  };
  expect_range(0, 10'000, 10'000);
  expect_range(5000, 1000, 1000);
  expect_range(9999, 1, 1);
  expect_range(9999, 5, 1);
  expect_range(0, 20'000, 10'000);
  expect_range(10'000, 5, 0);
  expect_range(10'001, 5, 0);
  expect_range(UINT64_MAX, 5, 0);
  expect_range(0, 0, 0);
}

TEST_P(BackendContract, names_what_is_missing) {
  expect_stored(backend_, "a/b", text("x"));
  for (const std::string name : {"absent", "a/absent", "absent/b/c"}) {
    EXPECT_EQ(backend_.stat(name), std::nullopt);
    EXPECT_EQ(backend_.remove(name), RemoveOutcome::was_absent);
    EXPECT_EQ(kind_of_failure([&] { read_range(backend_, name, 0, 1); }), ErrorKind::not_found);
    EXPECT_EQ(kind_of_failure([&] { get(backend_, name, 100); }), ErrorKind::not_found);
  }
  try {
    get(backend_, "absent", 1);
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("absent"));
  }
}

TEST_P(BackendContract, removes_objects) {
  expect_stored(backend_, "a/b", text("one"));
  expect_stored(backend_, "a/c", text("two"));
  expect_removed(backend_, "a/b");
  EXPECT_EQ(backend_.remove("a/b"), RemoveOutcome::was_absent);
  EXPECT_THAT(names(backend_, ""), UnorderedElementsAre("a/c"));
  expect_stored(backend_, "a/b", text("again"));
  EXPECT_EQ(get(backend_, "a/b", 100), text("again"));
}

TEST_P(BackendContract, lists_by_prefix) {
  for (const auto* name : {"format", "packs/ab/1", "packs/ab/2", "packs/cd/3", "index/4"}) {
    expect_stored(backend_, name, text("xyz"));
  }
  EXPECT_THAT(names(backend_, ""),
              UnorderedElementsAre("format", "packs/ab/1", "packs/ab/2", "packs/cd/3", "index/4"));
  EXPECT_THAT(names(backend_, "packs/"),
              UnorderedElementsAre("packs/ab/1", "packs/ab/2", "packs/cd/3"));
  EXPECT_THAT(names(backend_, "packs/ab/"), UnorderedElementsAre("packs/ab/1", "packs/ab/2"));
  EXPECT_THAT(names(backend_, "absent/"), IsEmpty());
  backend_.list("index/",
                [](const ObjectInfo& info) { EXPECT_EQ(info, (ObjectInfo{"index/4", 3})); });
}

TEST_P(BackendContract, may_be_called_while_it_lists) {
  for (int i = 0; i < 50; ++i)
    expect_stored(backend_, "a/" + std::to_string(i), text("x"));
  std::size_t removed = 0;
  backend_.list("a/", [&](const ObjectInfo& info) {
    removed += backend_.remove(info.name) == RemoveOutcome::was_absent ? 0U : 1U;
  });
  EXPECT_EQ(removed, 50U);
  EXPECT_THAT(names(backend_, ""), IsEmpty());
}

TEST_P(BackendContract, refuses_names_that_are_none) {
  using std::string_literals::operator""s;
  const std::vector<std::string> hostile = {"",
                                            "/",
                                            "/etc/passwd",
                                            "..",
                                            ".",
                                            "../x",
                                            "a/../b",
                                            "a/./b",
                                            "a//b",
                                            "a/",
                                            "/a",
                                            ".hidden",
                                            "a/.tmp-x",
                                            "A",
                                            "a b",
                                            "a\nb",
                                            "a\\b",
                                            "a:b",
                                            "a%2fb",
                                            "caf\xc3\xa9",
                                            "a\0b"s,
                                            "a/b/c/d/e",
                                            std::string(201, 'a'),
                                            "a/" + std::string(200, 'b')};
  for (const auto& name : hostile) {
    const auto expect_refused = [&](auto work) {
      EXPECT_EQ(kind_of_failure(work), ErrorKind::invalid_input) << testing::PrintToString(name);
    };
    expect_refused([&] { backend_.create(name); });
    expect_refused([&] { read_range(backend_, name, 0, 1); });
    expect_refused([&] { backend_.stat(name); });
    expect_refused([&] { backend_.remove(name); });
    if (!name.empty() && name != "a/") {
      expect_refused([&] { names(backend_, name); });
      expect_refused([&] { names(backend_, name + "/"); });
    }
  }
  EXPECT_THAT(names(backend_, ""), IsEmpty());
  expect_stored(backend_, "a-b_c.d/0/1/" + std::string(180, 'z'), text("long but fine"));
}

TEST_P(BackendContract, what_one_committed_another_sees) {
  const auto bytes = random_bytes(1, 70'000);
  expect_stored(backend_, "packs/ab/one", bytes);
  auto& other = place_->open();
  EXPECT_EQ(get(other, "packs/ab/one", bytes.size()), bytes);
  EXPECT_EQ(put(other, "packs/ab/one", text("other")), PutOutcome::already_there);
  expect_removed(other, "packs/ab/one");
  EXPECT_EQ(backend_.stat("packs/ab/one"), std::nullopt);
}

TEST_P(BackendContract, one_of_many_racing_writers_wins) {
  constexpr int rounds = 20;
  constexpr std::size_t racers = 6;
  std::vector<Backend*> backends;
  for (std::size_t racer = 0; racer < racers; ++racer)
    backends.push_back(racer % 2 == 0 ? &backend_ : &place_->open());
  for (int round = 0; round < rounds; ++round) {
    const auto name = "race/" + std::to_string(round);
    std::atomic<int> stored = 0;
    std::atomic<std::size_t> winner = racers;
    std::atomic<std::size_t> ready = 0;
    base::TaskGroup group;
    for (std::size_t racer = 0; racer < racers; ++racer) {
      auto& backend = *backends[racer];
      group.spawn([&, racer](const std::stop_token&) {
        const auto writer = backend.create(name);
        writer->append(random_bytes(racer, 1000));
        ++ready;
        while (ready < racers) {}
        if (writer->commit() == PutOutcome::stored) {
          ++stored;
          winner = racer;
        }
      });
    }
    group.join();
    EXPECT_GE(stored, 1);
    if (!place_->decides_races()) continue;
    EXPECT_EQ(stored, 1);
    EXPECT_EQ(get(backend_, name, 1000), random_bytes(winner, 1000));
  }
  EXPECT_EQ(backend_.remove_leftovers(), 0U);
}

TEST_P(BackendContract, says_of_itself_only_what_can_be) {
  const auto status = backend_.status();
  EXPECT_GT(status.free_bytes.value_or(1), 0U);
  EXPECT_GT(status.time.value_or(base::WallTime{INT64_MAX, 0}).seconds, 1'700'000'000);
  backend_.list("", [](const ObjectInfo& object) { ADD_FAILURE() << object.name << " was left"; });
}

TEST_P(BackendContract, serves_many_threads) {
  base::TaskGroup group;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    group.spawn([&, thread](const std::stop_token&) {
      for (std::uint64_t i = 0; i < 25; ++i) {
        const auto name = "packs/" + std::to_string(thread) + "/" + std::to_string(i);
        const auto bytes = random_bytes(100 * thread + i, 2000 + i);
        expect_stored(backend_, name, bytes);
        EXPECT_EQ(get(backend_, name, 3000), bytes);
        names(backend_, "packs/");
        if (i % 2 == 1) {
          expect_removed(backend_, name);
        }
      }
    });
  }
  group.join();
  EXPECT_EQ(names(backend_, "").size(), 4U * 13U);
}

TEST_P(BackendContract, describes_itself) {
  EXPECT_THAT(backend_.describe(), testing::Not(IsEmpty()));
}

}  // namespace holdfast::storage
