#include "net/body_pipe.hpp"

#include "base/random.hpp"
#include "base/task_group.hpp"

#include <gtest/gtest.h>

#include <atomic>

namespace holdfast::net {
namespace {

constexpr std::size_t capacity = 64UL * 1024;

base::Bytes random_bytes(std::size_t size) {
  base::SeededRandom random(1);
  base::Bytes bytes(size);
  random.fill(bytes);
  return bytes;
}

TEST(BodyPipe, HandsOnWhatIsWritten) {
  BodyPipe pipe(capacity);
  const auto bytes = random_bytes(1'000'000);
  std::atomic<int> resumed = 0;
  pipe.on_progress([&] { ++resumed; });
  base::Bytes got;
  base::TaskGroup group;
  group.spawn([&](const std::stop_token&) {
    EXPECT_TRUE(pipe.write(bytes));
    pipe.finish();
  });
  base::Bytes part(10'000);
  for (;;) {
    const auto count = pipe.take(part);
    if (!count) continue;
    if (*count == 0) break;
    base::append(got, base::ByteView(part).first(*count));
  }
  group.join();
  EXPECT_EQ(got, bytes);
}

TEST(BodyPipe, HandsOnWhatComes) {
  BodyPipe pipe(capacity);
  const auto bytes = random_bytes(1'000'000);
  base::TaskGroup group;
  group.spawn([&](const std::stop_token&) {
    for (std::size_t at = 0; at < bytes.size(); at += 10'000) {
      while (!pipe.put(base::ByteView(bytes).subspan(at, 10'000))) {}
    }
    pipe.end();
  });
  base::Bytes got(bytes.size() + 1);
  got.resize(pipe.read(got));
  group.join();
  EXPECT_EQ(got, bytes);
}

TEST(BodyPipe, WakesTheClientWhenItCanGoOn) {
  BodyPipe pipe(capacity);
  int resumed = 0;
  pipe.on_progress([&] { ++resumed; });
  base::Bytes part(10);
  EXPECT_EQ(pipe.take(part), std::nullopt);
  EXPECT_TRUE(pipe.write(part));
  EXPECT_EQ(resumed, 1);
  EXPECT_TRUE(pipe.write(part));
  EXPECT_EQ(resumed, 1) << "nobody waited";
  EXPECT_EQ(pipe.take(part), 10U);
  EXPECT_EQ(pipe.take(part), 10U);
  EXPECT_EQ(pipe.take(part), std::nullopt);
  pipe.finish();
  EXPECT_EQ(resumed, 2);
  EXPECT_EQ(pipe.take(part), 0U);
}

TEST(BodyPipe, IsBounded) {
  BodyPipe pipe(capacity);
  const base::Bytes part(capacity);
  EXPECT_TRUE(pipe.put(part));
  EXPECT_FALSE(pipe.put(base::ByteView(part).first(1)));
}

TEST(BodyPipe, NobodyWaitsForATransferThatEnded) {
  BodyPipe pipe(capacity);
  pipe.end();
  base::Bytes part(10);
  EXPECT_EQ(pipe.read(part), 0U);
  EXPECT_FALSE(pipe.write(part));
}

}  // namespace
}  // namespace holdfast::net
