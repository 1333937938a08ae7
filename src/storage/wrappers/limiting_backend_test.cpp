#include "base/random.hpp"
#include "base/waited_clock.hpp"
#include "storage/memory/memory_backend.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace holdfast::storage {
namespace {

/// Notes when what arrives.
class NotingBackend final : public Backend {
public:
  explicit NotingBackend(const base::WaitedClock& clock) : clock_(clock) {}

  std::string describe() const override { return "noting"; }
  std::unique_ptr<ObjectWriter> create(const std::string&) override {
    return std::make_unique<Writer>(*this);
  }
  std::size_t read(const std::string&, std::uint64_t, base::MutableBytes into) override {
    note(into.size());
    return into.size();
  }
  std::optional<ObjectInfo> stat(const std::string&) override { return std::nullopt; }
  void list(const std::string&, const std::function<void(const ObjectInfo&)>&) override {}
  RemoveOutcome remove(const std::string&) override { return RemoveOutcome::was_absent; }
  std::size_t remove_leftovers() override { return 0; }

  /// The longest time in which nothing moved, and the most that moved at once.
  double longest_silence = 0;
  std::size_t largest_burst = 0;

private:
  struct Writer final : public ObjectWriter {
    explicit Writer(NotingBackend& noting) : noting_(noting) {}
    void append(base::ByteView bytes) override { noting_.note(bytes.size()); }
    PutOutcome commit() override { return PutOutcome::stored; }
    NotingBackend& noting_;
  };
  void note(std::size_t size) {
    longest_silence = std::max(longest_silence, clock_.seconds() - last_);
    last_ = clock_.seconds();
    largest_burst = std::max(largest_burst, size);
  }

  const base::WaitedClock& clock_;
  double last_ = clock_.seconds();
};

class LimitingBackendTest : public ::testing::Test {
protected:
  std::shared_ptr<base::RateLimiter> limiter(std::uint64_t bytes,
                                             std::shared_ptr<base::RateLimiter> wider = nullptr) {
    return std::make_shared<base::RateLimiter>([bytes] { return std::optional(bytes); }, clock_,
                                               std::move(wider));
  }
  std::unique_ptr<Backend> limited(std::unique_ptr<Backend> inner, const base::RateLimits& limits) {
    return with_limits(std::move(inner), limits, clock_,
                       [this](double seconds) { clock_.move_on(seconds); });
  }

  base::WaitedClock clock_;
};

TEST_F(LimitingBackendTest, ALargeObjectIsNoBurst) {
  auto noting = std::make_unique<NotingBackend>(clock_);
  const auto& seen = *noting;
  const auto store = limited(std::move(noting), {limiter(1 << 20), limiter(1 << 20)});
  base::Bytes pack(32UL << 20);
  const auto begin = clock_.seconds();
  ASSERT_EQ(put(*store, "packs/a", pack), PutOutcome::stored);
  EXPECT_NEAR(clock_.seconds() - begin, 32, 0.3);
  EXPECT_LE(seen.longest_silence, 0.13);
  EXPECT_LE(seen.largest_burst, 1UL << 17);
  EXPECT_EQ(store->read("packs/a", 0, pack), pack.size());
  EXPECT_NEAR(clock_.seconds() - begin, 64, 0.6);
  EXPECT_LE(seen.longest_silence, 0.13);
  EXPECT_LE(seen.largest_burst, 1UL << 17);
}

TEST_F(LimitingBackendTest, StoresThatShareALimitShareItsRate) {
  const auto together = limiter(1'000'000);
  const auto first = limited(open_memory(), {together, {}});
  const auto second = limited(open_memory(), {limiter(500'000, together), {}});
  const base::Bytes bytes(10'000'000);
  auto begin = clock_.seconds();
  ASSERT_EQ(put(*first, "a", bytes), PutOutcome::stored);
  EXPECT_NEAR(clock_.seconds() - begin, 10, 0.3);
  begin = clock_.seconds();
  ASSERT_EQ(put(*second, "a", bytes), PutOutcome::stored);
  EXPECT_NEAR(clock_.seconds() - begin, 20, 0.6);
}

TEST_F(LimitingBackendTest, WhatIsReadIsLimitedAndComesWhole) {
  base::Bytes bytes(3'500'000);
  base::SeededRandom(1).fill(bytes);
  auto memory = open_memory();
  ASSERT_EQ(put(*memory, "a", bytes), PutOutcome::stored);
  const auto store = limited(std::move(memory), {{}, limiter(1'000'000)});
  const auto begin = clock_.seconds();
  base::Bytes into(4'000'000);
  EXPECT_EQ(store->read("a", 0, into), bytes.size());
  into.resize(bytes.size());
  EXPECT_EQ(into, bytes);
  EXPECT_NEAR(clock_.seconds() - begin, 3.5, 0.3);
  EXPECT_EQ(store->read("a", 3'500'000, into), 0U);
}

}  // namespace
}  // namespace holdfast::storage
