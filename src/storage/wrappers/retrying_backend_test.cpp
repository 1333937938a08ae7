#include "base/error.hpp"
#include "storage/memory/memory_backend.hpp"
#include "storage/wrappers/faulty_backend.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace holdfast::storage {
namespace {

using base::ErrorKind;

/// A memory store that fails some calls, with retries around it that note how long they would wait.
class RetryingBackend : public testing::Test {
protected:
  using Decide = std::function<std::optional<Fault>(Operation, std::uint64_t call)>;

  void fail_when(Decide decide) { decide_ = std::move(decide); }

  /// Fails the first `count` calls of `operation`.
  void fail_first(Operation operation, int count, Fault fault) {
    fail_when([=](Operation called, std::uint64_t) mutable -> std::optional<Fault> {
      if (called != operation || count == 0) return std::nullopt;
      --count;
      return fault;
    });
  }

  Decide decide_ = [](Operation, std::uint64_t) { return std::nullopt; };
  base::SeededRandom random_{1};
  std::vector<double> waits_;
  const std::unique_ptr<Backend> memory_ = open_memory();
  const std::unique_ptr<Backend> faulty_ =
      with_faults(*memory_, [this](Operation operation, const std::string&, std::uint64_t call) {
        return decide_(operation, call);
      });
  const std::unique_ptr<Backend> backend_ =
      with_retries(*faulty_, {}, random_, [this](double seconds) { waits_.push_back(seconds); });
};

constexpr Fault lost_before{Fault::When::before, ErrorKind::unavailable};
constexpr Fault lost_after{Fault::When::after, ErrorKind::unavailable};

TEST_F(RetryingBackend, repeats_what_may_pass_later) {
  for (const auto operation : {Operation::create, Operation::append, Operation::commit}) {
    fail_first(operation, 3, lost_before);
    const auto name = "a/" + std::to_string(static_cast<int>(operation));
    EXPECT_EQ(put(*backend_, name, base::as_bytes("text")), PutOutcome::stored);
    EXPECT_EQ(get(*memory_, name, 10), base::copy_of(base::as_bytes("text")));
  }
  EXPECT_EQ(waits_.size(), 9U);
  fail_first(Operation::read, 2, lost_before);
  EXPECT_EQ(get(*backend_, "a/0", 10).size(), 4U);
}

TEST_F(RetryingBackend, waits_longer_each_time_and_not_for_ever) {
  fail_first(Operation::stat, 100, lost_before);
  EXPECT_THROW(backend_->stat("a"), base::Error);
  ASSERT_EQ(waits_.size(), 4U);
  for (std::size_t i = 0; i < waits_.size(); ++i) {
    const double most = 0.2 * static_cast<double>(1U << i);
    EXPECT_LE(waits_[i], most);
    EXPECT_GE(waits_[i], most / 2);
  }
}

TEST_F(RetryingBackend, repeats_nothing_that_will_not_pass) {
  fail_first(Operation::stat, 1, Fault{Fault::When::before, ErrorKind::access_denied});
  EXPECT_THROW(backend_->stat("a"), base::Error);
  EXPECT_TRUE(waits_.empty());
}

TEST_F(RetryingBackend, tells_all_that_went_wrong) {
  int calls = 0;
  fail_when([&](Operation, std::uint64_t) {
    return Fault{Fault::When::before, ++calls < 3 ? ErrorKind::unavailable : ErrorKind::conflict};
  });
  try {
    backend_->stat("a");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::conflict);
    EXPECT_THAT(error.what(), testing::HasSubstr("stat of 'a'"));
    EXPECT_THAT(error.what(), testing::HasSubstr("5 attempts"));
  }
}

TEST_F(RetryingBackend, knows_its_own_object_when_the_reply_was_lost) {
  fail_first(Operation::commit, 1, lost_after);
  EXPECT_EQ(put(*backend_, "a", base::as_bytes("mine")), PutOutcome::stored);
}

TEST_F(RetryingBackend, does_not_take_another_object_for_its_own) {
  EXPECT_EQ(put(*memory_, "a", base::as_bytes("them")), PutOutcome::stored);
  fail_first(Operation::commit, 1, lost_after);
  EXPECT_EQ(put(*backend_, "a", base::as_bytes("mine")), PutOutcome::already_there);
  EXPECT_EQ(put(*backend_, "a", base::as_bytes("them")), PutOutcome::already_there);
}

TEST_F(RetryingBackend, remembers_that_it_removed) {
  EXPECT_EQ(put(*memory_, "a", base::as_bytes("x")), PutOutcome::stored);
  fail_first(Operation::remove, 1, lost_after);
  EXPECT_EQ(backend_->remove("a"), RemoveOutcome::removed);
  EXPECT_EQ(backend_->remove("a"), RemoveOutcome::was_absent);
}

TEST_F(RetryingBackend, visits_nothing_twice_when_a_list_breaks) {
  for (const auto* name : {"a/1", "a/2", "a/3"}) {
    EXPECT_EQ(put(*memory_, name, base::as_bytes("x")), PutOutcome::stored);
  }
  fail_first(Operation::list, 2, lost_after);
  std::vector<std::string> names;
  backend_->list("a/", [&](const ObjectInfo& info) { names.push_back(info.name); });
  EXPECT_THAT(names, testing::UnorderedElementsAre("a/1", "a/2", "a/3"));
}

}  // namespace
}  // namespace holdfast::storage
