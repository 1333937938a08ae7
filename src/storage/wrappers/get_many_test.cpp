#include "storage/get_many.hpp"

#include "base/error.hpp"
#include "storage/memory/memory_backend.hpp"
#include "storage/wrappers/faulty_backend.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <map>
#include <stdexcept>
#include <vector>

namespace holdfast::storage {
namespace {

using base::Error;
using base::ErrorKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr unsigned far = 8;

class GetMany : public ::testing::TestWithParam<unsigned> {
protected:
  /// Object number i has i bytes.
  void store(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      names_.push_back(fmt::format("index/{:04}", i));
      ASSERT_EQ(put(*memory_, names_.back(), base::Bytes(i, std::byte{7})), PutOutcome::stored);
    }
  }

  const std::unique_ptr<Backend> memory_ = open_memory(GetParam());
  std::vector<std::string> names_;
};

TEST_P(GetMany, gives_all_in_their_order) {
  store(300);
  std::size_t at = 0;
  get_many(*memory_, names_, 1000, [&](const std::string& name, const Fetch& fetch) {
    EXPECT_EQ(name, names_[at]);
    EXPECT_EQ(fetch().size(), at++);
  });
  EXPECT_EQ(at, names_.size());
}

TEST_P(GetMany, what_nobody_fetches_is_passed) {
  store(300);
  std::vector<std::size_t> sizes;
  get_many(*memory_, names_, 1000, [&](const std::string& name, const Fetch& fetch) {
    if (name == "index/0003" || name == "index/0299") sizes.push_back(fetch().size());
  });
  EXPECT_THAT(sizes, ElementsAre(3, 299));
}

TEST_P(GetMany, a_failure_is_of_one_object) {
  store(100);
  ASSERT_EQ(memory_->remove("index/0042"), RemoveOutcome::removed);
  std::map<std::string, ErrorKind> failed;
  std::size_t good = 0;
  get_many(*memory_, names_, 97, [&](const std::string& name, const Fetch& fetch) {
    try {
      static_cast<void>(fetch());
      ++good;
    } catch (const Error& error) {
      failed[name] = error.kind();
    }
  });
  EXPECT_EQ(good, 97);
  EXPECT_THAT(failed, ElementsAre(std::pair("index/0042", ErrorKind::not_found),
                                  std::pair("index/0098", ErrorKind::corrupt),
                                  std::pair("index/0099", ErrorKind::corrupt)));
}

TEST_P(GetMany, what_the_caller_throws_ends_it) {
  store(300);
  std::size_t taken = 0;
  const auto take = [&](const std::string&, const Fetch& fetch) {
    static_cast<void>(fetch());
    if (++taken == 5) throw std::runtime_error("enough");
  };
  EXPECT_THROW(get_many(*memory_, names_, 1000, take), std::runtime_error);
  EXPECT_EQ(taken, 5);
}

TEST_P(GetMany, of_nothing_is_nothing) {
  get_many(*memory_, {}, 10, [](const std::string&, const Fetch&) { FAIL(); });
}

INSTANTIATE_TEST_SUITE_P(Lines, GetMany, ::testing::Values(1U, far));

TEST(GetManyOverALongLine, waits_for_many_at_once) {
  const auto memory = open_memory(far);
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) {
    names.push_back(fmt::format("index/{:04}", i));
    ASSERT_EQ(put(*memory, names.back(), base::as_bytes("x")), PutOutcome::stored);
  }
  // No read ends before all are under way.
  std::latch all(20);
  const auto store = with_faults(
      *memory, [](Operation, const std::string&, std::uint64_t) { return std::nullopt; },
      [&](const std::string&, std::uint64_t, base::MutableBytes) { all.arrive_and_wait(); });
  std::size_t count = 0;
  get_many(*store, names, 10,
           [&](const std::string&, const Fetch& fetch) { count += fetch().size(); });
  EXPECT_EQ(count, 20);
}

TEST(Get, reads_objects_of_any_size_whole) {
  const auto memory = open_memory();
  Traffic traffic;
  const auto store = with_counting(*memory, traffic);
  constexpr std::size_t first = 32UL * 1024;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, first - 1, first, first + 1,
                                 16 * first, 16 * first + 1, 20 * first}) {
    const auto name = fmt::format("index/{}", size);
    base::Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i)
      bytes[i] = static_cast<std::byte>(i * 7 + i / 251);
    ASSERT_EQ(put(*store, name, bytes), PutOutcome::stored);
    EXPECT_EQ(get(*store, name, 20 * first), bytes) << size;
    EXPECT_EQ(get(*store, name, size), bytes) << size;
  }
}

TEST(Get, of_a_small_object_is_one_call) {
  const auto memory = open_memory();
  ASSERT_EQ(put(*memory, "format", base::as_bytes("hello")), PutOutcome::stored);
  Traffic traffic;
  static_cast<void>(get(*with_counting(*memory, traffic), "format", 1000));
  EXPECT_EQ(traffic.calls, 1);
}

TEST(Get, refuses_more_than_is_expected) {
  const auto memory = open_memory();
  ASSERT_EQ(put(*memory, "format", base::as_bytes("hello")), PutOutcome::stored);
  try {
    static_cast<void>(get(*memory, "format", 4));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    EXPECT_THAT(error.what(), HasSubstr("more than the 4 bytes"));
  }
}

}  // namespace
}  // namespace holdfast::storage
