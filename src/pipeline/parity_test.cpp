#include "pipeline/parity.hpp"

#include "base/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

namespace holdfast::pipeline {
namespace {

using base::Bytes;
using base::ByteView;
using ::testing::IsEmpty;

Bytes random_bytes(std::size_t size, std::uint64_t seed) {
  Bytes bytes(size);
  base::SeededRandom(seed).fill(bytes);
  return bytes;
}

ParityEncoder::Parity parity_of(ByteView bytes, unsigned percent, std::uint64_t expected,
                                std::size_t piece = SIZE_MAX) {
  ParityEncoder encoder(percent, expected);
  for (auto rest = bytes; !rest.empty(); rest = rest.subspan(std::min(rest.size(), piece)))
    encoder.update(rest.first(std::min(rest.size(), piece)));
  return encoder.finish();
}

/// Destroys the sectors of data and parity with the numbers in `lost` (parity behind data).
struct Damaged {
  Bytes data;
  Bytes parity;
  std::vector<std::size_t> lost_data;
  std::vector<std::size_t> lost_parity;
};
Damaged destroy(ByteView data, ByteView parity, const std::set<std::size_t>& lost) {
  Damaged damaged{base::copy_of(data), base::copy_of(parity), {}, {}};
  const auto sectors = (data.size() + sector_size - 1) / sector_size;
  const auto size = parity_sector_size(data.size());
  for (const auto i : lost) {
    const bool is_data = i < sectors;
    auto& bytes = is_data ? damaged.data : damaged.parity;
    const auto begin = is_data ? i * sector_size : (i - sectors) * size;
    const auto end = std::min(bytes.size(), begin + (is_data ? sector_size : size));
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
              bytes.begin() + static_cast<std::ptrdiff_t>(end), std::byte{0xa5});
    (is_data ? damaged.lost_data : damaged.lost_parity).push_back(is_data ? i : i - sectors);
  }
  return damaged;
}

std::vector<std::size_t> recover(Damaged& damaged, const ParityShape& shape) {
  return recover_sectors(damaged.data, damaged.parity, shape, damaged.lost_data,
                         damaged.lost_parity);
}

TEST(Parity, a_pack_of_32_mib_has_18_sectors_in_three_groups) {
  const auto shape = parity_of(random_bytes(32 << 20, 1), 3, 32 << 20).shape;
  EXPECT_EQ(shape, (ParityShape{3, 6}));
}

TEST(Parity, shapes_follow_the_size) {
  const auto shape_of = [](std::size_t size, unsigned percent, std::uint64_t expected) {
    return parity_of(Bytes(size), percent, expected).shape;
  };
  EXPECT_EQ(shape_of(1, 3, 32 << 20), (ParityShape{1, 1}));
  EXPECT_EQ(shape_of(5 * sector_size, 3, 32 << 20), (ParityShape{1, 1}));
  EXPECT_EQ(shape_of(100 * sector_size, 3, 32 << 20), (ParityShape{1, 4}));
  EXPECT_EQ(shape_of(300 * sector_size, 3, 32 << 20), (ParityShape{3, 4}));
  EXPECT_EQ(shape_of(640 * sector_size, 3, 32 << 20), (ParityShape{3, 6}));
  EXPECT_EQ(shape_of(2048 * sector_size, 3, 128 << 20), (ParityShape{11, 7}));
  EXPECT_EQ(shape_of(512 * sector_size, 25, 32 << 20), (ParityShape{9, 16}));
  EXPECT_EQ(shape_of(512 * sector_size, 0, 32 << 20), ParityShape{});
  EXPECT_EQ(shape_of(240 * sector_size, 3, 1 << 20), ParityShape{}) << "far larger than expected";
  EXPECT_EQ(shape_of(0, 3, 32 << 20), ParityShape{});
}

TEST(Parity, does_not_depend_on_the_pieces) {
  const auto data = random_bytes(9 * sector_size + 1234, 3);
  const auto whole = parity_of(data, 10, 4 << 20);
  ASSERT_GT(whole.shape.rows, 0U);
  for (const std::size_t piece :
       {std::size_t{1000}, sector_size - 1, sector_size, 3 * sector_size, 3 * sector_size + 7}) {
    const auto pieces = parity_of(data, 10, 4 << 20, piece);
    EXPECT_EQ(pieces.shape, whole.shape);
    EXPECT_EQ(pieces.sectors, whole.sectors) << piece;
  }
}

TEST(Parity, every_run_of_one_mib_comes_back) {
  const auto data = random_bytes((32 << 20) + 100'000, 4);
  const auto parity = parity_of(data, 3, 32 << 20);
  const auto sectors = (data.size() + sector_size - 1) / sector_size;
  const auto all = sectors + parity.shape.sectors();
  // 18 sectors are touched when the run goes over the short last one.
  for (std::size_t first = 0; first + 18 <= all; first += first + 60 < sectors ? 37 : 1) {
    std::set<std::size_t> lost;
    for (std::size_t i = 0; i < 18; ++i)
      lost.insert(first + i);
    auto damaged = destroy(data, parity.sectors, lost);
    EXPECT_THAT(recover(damaged, parity.shape), IsEmpty()) << first;
    EXPECT_EQ(damaged.data, data) << first;
  }
}

TEST(Parity, is_exact_in_small) {
  // One sector of three bytes, one row: the parity is the data times 1 / (0 ^ 17).
  const Bytes data{std::byte{1}, std::byte{2}, std::byte{0x80}};
  const auto parity = parity_of(data, 3, 1000);
  ASSERT_EQ(parity.shape, (ParityShape{1, 1}));
  EXPECT_EQ(base::to_hex(parity.sectors), "72e4bf");
}

RC_GTEST_PROP(Parity, what_it_can_mend_it_mends_and_the_rest_it_names, ()) {
  const auto size = *rc::gen::inRange<std::size_t>(1, 40 * sector_size);
  const auto expected = *rc::gen::inRange<std::size_t>(1, 60 * sector_size);
  const auto percent = *rc::gen::inRange<unsigned>(1, parity_percent_max + 1);
  const auto data = random_bytes(size, *rc::gen::arbitrary<std::uint64_t>());
  const auto parity = parity_of(data, percent, expected, *rc::gen::inRange(1000, 900'000));
  const auto sectors = (size + sector_size - 1) / sector_size;
  RC_ASSERT(is_possible(parity.shape, sectors));
  RC_PRE(parity.shape.rows > 0U);
  const auto all = sectors + parity.shape.sectors();
  const auto count = *rc::gen::inRange<std::size_t>(0, 2 * parity.shape.sectors() + 2);
  std::set<std::size_t> lost;
  for (std::size_t i = 0; i < count; ++i)
    lost.insert(*rc::gen::inRange<std::size_t>(0, all));
  // A group comes back if it lost no more than it has rows; not one sector less, not one more.
  std::vector<std::size_t> losses(parity.shape.groups);
  for (const auto i : lost) {
    ++losses[i < sectors ? i % parity.shape.groups
                         : parity_group(parity.shape, sectors, i - sectors)];
  }
  std::vector<std::size_t> hopeless;
  for (const auto i : lost) {
    if (i < sectors && losses[i % parity.shape.groups] > parity.shape.rows) hopeless.push_back(i);
  }
  auto damaged = destroy(data, parity.sectors, lost);
  RC_ASSERT(recover(damaged, parity.shape) == hopeless);
  for (std::size_t i = 0; i < sectors; ++i) {
    if (std::binary_search(hopeless.begin(), hopeless.end(), i)) continue;
    const auto begin = i * sector_size;
    const auto length = std::min(sector_size, size - begin);
    RC_ASSERT(std::ranges::equal(ByteView(damaged.data).subspan(begin, length),
                                 ByteView(data).subspan(begin, length)));
  }
}

}  // namespace
}  // namespace holdfast::pipeline
