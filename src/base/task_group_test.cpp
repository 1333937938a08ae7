#include "base/task_group.hpp"

#include "base/bounded_queue.hpp"
#include "base/error.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>

namespace holdfast::base {
namespace {

void wait_until_stopped(const std::stop_token& token) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, token, [] { return false; });
}

TEST(TaskGroup, RunsAllTasks) {
  std::atomic<int> done = 0;
  TaskGroup group;
  for (int i = 0; i < 8; ++i)
    group.spawn([&](const std::stop_token&) { ++done; });
  group.join();
  EXPECT_EQ(done, 8);
  group.spawn([&](const std::stop_token&) { ++done; });
  group.join();
  EXPECT_EQ(done, 9);
}

TEST(TaskGroup, RethrowsTheFirstFailureAndStopsTheOthers) {
  TaskGroup group;
  group.spawn([](const std::stop_token& token) {
    wait_until_stopped(token);
    check_cancelled(token);
  });
  group.spawn([](const std::stop_token&) { throw Error(ErrorKind::io, "it failed"); });
  EXPECT_THROW(group.join(), Error);
}

TEST(TaskGroup, AFailureReplacesACancel) {
  TaskGroup group;
  group.spawn([](const std::stop_token&) { throw Cancelled(); });
  group.spawn([](const std::stop_token& token) {
    wait_until_stopped(token);
    throw Error(ErrorKind::io, "it failed while stopping");
  });
  EXPECT_THROW(group.join(), Error);
}

TEST(TaskGroup, StopsWithItsParent) {
  std::stop_source parent;
  TaskGroup group(parent.get_token());
  group.spawn([](const std::stop_token& token) {
    wait_until_stopped(token);
    check_cancelled(token);
  });
  parent.request_stop();
  EXPECT_THROW(group.join(), Cancelled);
}

TEST(TaskGroup, StopsWhenDropped) {
  std::atomic<bool> ended = false;
  {
    TaskGroup group;
    group.spawn([&](const std::stop_token& token) {
      wait_until_stopped(token);
      ended = true;
      throw Error(ErrorKind::io, "nobody joins for this");
    });
  }
  EXPECT_TRUE(ended);
}

TEST(BoundedQueue, HandsItemsOverInOrderAndHoldsItsLimit) {
  constexpr int count = 2000;
  BoundedQueue<int> queue(10);
  std::atomic<int> in_flight = 0;
  int expected = 0;
  TaskGroup group;
  group.spawn([&](const std::stop_token& token) {
    for (int i = 0; i < count; ++i) {
      queue.push(i, 4, token);
      ++in_flight;
    }
    queue.close();
  });
  group.spawn([&](const std::stop_token& token) {
    while (const auto item = queue.pop(token)) {
      EXPECT_EQ(*item, expected++);
      // Two of weight 4 fit into 10; one more may be counted between pop and here.
      EXPECT_LE(in_flight--, 3);
    }
  });
  group.join();
  EXPECT_EQ(expected, count);
}

TEST(BoundedQueue, LetsAnItemHeavierThanTheLimitPassAlone) {
  BoundedQueue<int> queue(1);
  const std::stop_source source;
  queue.push(7, 100, source.get_token());
  EXPECT_EQ(queue.pop(source.get_token()), 7);
}

TEST(BoundedQueue, IsEmptyForeverOnceClosed) {
  BoundedQueue<int> queue(1);
  const std::stop_source source;
  queue.push(1, 1, source.get_token());
  queue.close();
  EXPECT_EQ(queue.pop(source.get_token()), 1);
  EXPECT_EQ(queue.pop(source.get_token()), std::nullopt);
}

TEST(BoundedQueue, WakesUpWhenStopped) {
  BoundedQueue<int> empty(1);
  BoundedQueue<int> full(1);
  std::stop_source source;
  full.push(1, 1, source.get_token());
  TaskGroup group;
  group.spawn([&](const std::stop_token&) {
    EXPECT_THROW(empty.pop(source.get_token()), Cancelled);
    EXPECT_THROW(full.push(2, 1, source.get_token()), Cancelled);
  });
  source.request_stop();
  group.join();
}

}  // namespace
}  // namespace holdfast::base
