#include "pipeline/chunker.hpp"

#include "base/error.hpp"
#include "base/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace holdfast::pipeline {
namespace {

using base::Bytes;
using base::ByteView;
using Cuts = std::vector<std::uint64_t>;

constexpr ChunkSizes small_sizes{256, 1024, 4096};

Bytes random_bytes(std::uint64_t seed, std::size_t size) {
  base::SeededRandom random(seed);
  Bytes bytes(size);
  random.fill(bytes);
  return bytes;
}

Gear test_gear(ChunkSizes sizes = small_sizes) { return Gear(random_bytes(7, 32), sizes); }

Cuts cuts_at_once(const Gear& gear, ByteView data) {
  std::vector<std::uint32_t> ends;
  cut_all(gear, data, ends);
  return {ends.begin(), ends.end()};
}

/// What the header promises, in the plainest way: every position, one after the other.
Cuts cuts_by_definition(const Gear& gear, ByteView data) {
  Cuts cuts;
  std::size_t last = 0;
  for (std::size_t position = 1; position <= data.size(); ++position) {
    std::uint64_t hash = 0;
    for (std::size_t i = position - std::min(position, Gear::window); i < position; ++i) {
      hash = (hash << 1) + gear.table()[static_cast<std::uint8_t>(data[i])];
    }
    const auto size = position - last;
    const bool is_candidate = position >= Gear::window && hash < gear.threshold();
    if ((is_candidate && size >= gear.sizes().min) || size == gear.sizes().max ||
        position == data.size()) {
      cuts.push_back(last = position);
    }
  }
  return cuts;
}

/// Candidates of blocks that end at `ends`, joined and selected.
Cuts cuts_by_blocks(const Gear& gear, ByteView data, const std::vector<std::size_t>& ends) {
  CutSelector selector(gear.sizes());
  Cuts cuts;
  std::size_t start = 0;
  for (const auto end : ends) {
    const auto window = std::min(start, Gear::window);
    std::vector<std::uint32_t> found;
    gear.find_candidates(data.subspan(start - window, window), data.subspan(start, end - start),
                         found);
    Cuts candidates;
    for (const auto at : found)
      candidates.push_back(start + at);
    selector.advance(candidates, end, cuts);
    start = end;
  }
  selector.finish(data.size(), cuts);
  return cuts;
}

Cuts cuts_by_stream(const Gear& gear, ByteView data, std::size_t piece) {
  StreamChunker chunker(gear);
  Cuts cuts;
  Bytes joined;
  const auto take = [&](ByteView chunk) {
    base::append(joined, chunk);
    cuts.push_back(joined.size());
  };
  for (std::size_t at = 0; at < data.size();) {
    const auto space = chunker.space();
    const auto count = std::min({piece, space.size(), data.size() - at});
    std::memcpy(space.data(), data.data() + at, count);
    chunker.added(count);
    at += count;
    for (auto chunk = chunker.next(); !chunk.empty(); chunk = chunker.next())
      take(chunk);
  }
  if (const auto rest = chunker.rest(); !rest.empty()) take(rest);
  EXPECT_TRUE(chunker.rest().empty());
  EXPECT_TRUE(std::equal(joined.begin(), joined.end(), data.begin(), data.end()));
  return cuts;
}

/// Random stretches, constant stretches and repeats, because real data has them.
Bytes mixed_bytes(std::uint64_t seed, std::size_t size) {
  base::SeededRandom random(seed);
  Bytes bytes;
  while (bytes.size() < size) {
    Bytes stretch(1 + random.below(6000), std::byte{static_cast<std::uint8_t>(random.below(256))});
    if (random.below(3) != 0) random.fill(stretch);
    if (random.below(4) == 0 && !bytes.empty()) {
      stretch.assign(bytes.begin(),
                     bytes.begin() + static_cast<std::ptrdiff_t>(random.below(bytes.size())));
    }
    base::append(bytes, stretch);
  }
  bytes.resize(size);
  return bytes;
}

RC_GTEST_PROP(Chunker, every_way_cuts_as_defined, ()) {
  const auto gear = test_gear();
  const auto data =
      mixed_bytes(*rc::gen::arbitrary<std::uint64_t>(), *rc::gen::inRange<std::size_t>(0, 40'000));
  const auto expected = cuts_by_definition(gear, data);
  RC_ASSERT(cuts_at_once(gear, data) == expected);
  RC_ASSERT(cuts_by_stream(gear, data, *rc::gen::inRange<std::size_t>(1, 9000)) == expected);
  auto ends = *rc::gen::container<std::vector<std::size_t>>(
      rc::gen::inRange<std::size_t>(0, data.size() + 1));
  std::sort(ends.begin(), ends.end());
  ends.push_back(data.size());
  RC_ASSERT(cuts_by_blocks(gear, data, ends) == expected);
}

RC_GTEST_PROP(Chunker, sizes_are_within_bounds, ()) {
  const auto gear = test_gear();
  const auto data =
      mixed_bytes(*rc::gen::arbitrary<std::uint64_t>(), *rc::gen::inRange<std::size_t>(1, 100'000));
  const auto cuts = cuts_at_once(gear, data);
  RC_ASSERT(cuts.back() == data.size());
  std::uint64_t last = 0;
  for (const auto cut : cuts) {
    RC_ASSERT(cut - last <= small_sizes.max);
    RC_ASSERT(cut - last >= small_sizes.min || cut == data.size());
    last = cut;
  }
}

RC_GTEST_PROP(Chunker, cuts_meet_again_after_an_insertion, ()) {
  const auto gear = test_gear();
  const auto data = random_bytes(*rc::gen::arbitrary<std::uint64_t>(), 200'000);
  auto changed = data;
  const auto at = *rc::gen::inRange<std::size_t>(0, 50'000);
  const auto inserted =
      random_bytes(*rc::gen::arbitrary<std::uint64_t>(), *rc::gen::inRange<std::size_t>(1, 3000));
  changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(at), inserted.begin(),
                 inserted.end());
  auto before = cuts_at_once(gear, data);
  const auto after = cuts_at_once(gear, changed);
  for (auto& cut : before)
    cut += inserted.size();
  // 100,000 bytes are a hundred chunks: not to meet within them would take a broken hash.
  const auto is_late = [&](std::uint64_t cut) { return cut > 150'000 + inserted.size(); };
  const Cuts late_before(std::find_if(before.begin(), before.end(), is_late), before.end());
  const Cuts late_after(std::find_if(after.begin(), after.end(), is_late), after.end());
  RC_ASSERT(late_before == late_after);
}

TEST(Chunker, mean_of_random_data_is_the_one_asked_for) {
  const auto gear = test_gear(ChunkSizes::for_streams());
  const auto data = random_bytes(3, 32 * 1024 * 1024);
  const auto cuts = cuts_at_once(gear, data);
  const double mean = static_cast<double>(data.size()) / static_cast<double>(cuts.size());
  // Exponential beyond the minimum; the maximum takes little off.
  EXPECT_NEAR(mean, 16 * 1024, 0.06 * 16 * 1024);
}

TEST(Chunker, another_secret_cuts_elsewhere) {
  const auto data = random_bytes(3, 400'000);
  const auto one = cuts_at_once(Gear(random_bytes(1, 32), small_sizes), data);
  const auto two = cuts_at_once(Gear(random_bytes(2, 32), small_sizes), data);
  Cuts common;
  std::set_intersection(one.begin(), one.end(), two.begin(), two.end(), std::back_inserter(common));
  EXPECT_LT(common.size(), one.size() / 50);
}

TEST(Chunker, constant_data_of_every_byte_value_is_cut_within_bounds) {
  const auto gear = test_gear();
  for (int value = 0; value < 256; ++value) {
    const Bytes data(50'000, std::byte{static_cast<std::uint8_t>(value)});
    EXPECT_EQ(cuts_at_once(gear, data), cuts_by_stream(gear, data, 777)) << value;
  }
}

// Also: printf holdfast/v1/gear | b3sum --keyed --length 2048, the key being the bytes 0 to 31.
TEST(Chunker, table_and_threshold_have_golden_values) {
  Bytes secret(32);
  std::iota(reinterpret_cast<std::uint8_t*>(secret.data()),
            reinterpret_cast<std::uint8_t*>(secret.data()) + 32, std::uint8_t{0});
  const Gear gear(secret, ChunkSizes::for_files());
  EXPECT_EQ(gear.threshold(), (std::uint64_t{1} << 45) - 1);
  EXPECT_EQ(gear.table()[0], 3847709791277104788U);
  EXPECT_EQ(gear.table()[255], 17916574695514364677U);
}

TEST(Chunker, impossible_sizes_and_secrets_are_refused) {
  const auto secret = random_bytes(1, 32);
  for (const auto sizes : {ChunkSizes{63, 128, 256}, ChunkSizes{128, 128, 256},
                           ChunkSizes{64, 256, 255}, ChunkSizes{0, 0, 0}}) {
    EXPECT_THROW(Gear(secret, sizes), base::Error);
  }
  EXPECT_THROW(Gear(random_bytes(1, 31), small_sizes), base::Error);
}

}  // namespace
}  // namespace holdfast::pipeline
