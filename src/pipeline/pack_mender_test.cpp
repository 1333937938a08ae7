#include "base/random.hpp"
#include "pipeline/pack_testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace holdfast::pipeline {
namespace {

using base::Bytes;
using base::ByteView;
using ::testing::IsEmpty;

class MenderTest : public ::testing::Test {
protected:
  const TestKeys keys;
  const TestPack pack = write_test_pack(keys, PackKind::data, 120, PackBuilder::Padding::padme,
                                        {.percent = 10, .size_expected = 1'300'000});
  const PackTrailer trailer = read_trailer(pack.bytes);

  MendedPack mend(Bytes bytes) const {
    return mend_pack(std::move(bytes), pack.directory.pack, pack.bytes.size());
  }
  Bytes without(std::size_t begin, std::size_t size) const {
    auto bytes = pack.bytes;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                std::min(size, bytes.size() - begin), std::byte{0});
    return bytes;
  }
  bool covered_is_whole(const MendedPack& mended) const {
    return std::ranges::equal(ByteView(mended.bytes).first(trailer.covered_size()),
                              ByteView(pack.bytes).first(trailer.covered_size()));
  }
};

TEST_F(MenderTest, a_whole_pack_stays_as_it_is) {
  ASSERT_EQ(trailer.parity.groups, 1U);
  ASSERT_EQ(trailer.parity.rows, 3U);
  const auto mended = mend(pack.bytes);
  EXPECT_EQ(mended.bytes, pack.bytes);
  EXPECT_EQ(mended.trailer, trailer);
  EXPECT_EQ(mended.sectors_damaged, 0U);
}

TEST_F(MenderTest, any_run_of_a_sector_comes_back_wherever_it_is) {
  for (std::size_t at = 0; at < pack.bytes.size(); at += sector_size / 5) {
    const auto mended = mend(without(at, sector_size));
    ASSERT_TRUE(mended.trailer.has_value()) << at;
    EXPECT_EQ(mended.trailer, trailer) << at;
    EXPECT_THAT(mended.sectors_lost, IsEmpty()) << at;
    EXPECT_TRUE(mended.bytes == pack.bytes) << at << ": parity and copies too";
  }
}

TEST_F(MenderTest, a_run_longer_than_the_parity_is_named_and_nothing_is_made_up) {
  const auto damaged = without(2 * sector_size, 4 * sector_size);
  const auto mended = mend(damaged);
  EXPECT_EQ(mended.sectors_lost, (std::vector<std::size_t>{2, 3, 4, 5}));
  EXPECT_EQ(mended.sectors_mended, 0U);
  EXPECT_EQ(mended.bytes, damaged);
}

TEST_F(MenderTest, a_pack_cut_short_is_found_by_its_first_copies) {
  auto cut = pack.bytes;
  cut.resize(trailer.trailer_offset - 100);
  const auto mended = mend(cut);
  EXPECT_EQ(mended.trailer, trailer);
  EXPECT_TRUE(mended.front_mended);
  EXPECT_TRUE(covered_is_whole(mended));
}

TEST_F(MenderTest, the_header_has_a_copy_when_too_much_is_lost) {
  const auto mended = mend(without(0, 4 * sector_size));
  EXPECT_TRUE(mended.front_mended);
  EXPECT_EQ(parse_pack_header(mended.bytes).pack, pack.directory.pack);
  EXPECT_EQ(mended.sectors_lost, (std::vector<std::size_t>{0, 1, 2, 3}));
}

TEST_F(MenderTest, both_trailers_lost_is_said) {
  auto bytes = without(trailer.covered_size(), pack.bytes.size());
  EXPECT_FALSE(mend(bytes).trailer.has_value());
}

TEST_F(MenderTest, a_pack_of_another_size_does_not_confuse_it) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{192}, pack.bytes.size() - 1}) {
    auto bytes = pack.bytes;
    bytes.resize(size);
    const auto mended = mend(bytes);
    EXPECT_EQ(mended.bytes.size(), pack.bytes.size());
    EXPECT_TRUE(!mended.trailer || mended.trailer == trailer);
  }
}

RC_GTEST_PROP(Mender, gives_exact_bytes_or_names_the_sector, ()) {
  const TestKeys keys;
  const auto pack = write_test_pack(
      keys, PackKind::data, *rc::gen::inRange<std::size_t>(1, 60), PackBuilder::Padding::none,
      {.percent = *rc::gen::inRange<unsigned>(0, 20), .size_expected = 500'000});
  auto bytes = pack.bytes;
  for (auto n = *rc::gen::inRange(0, 6); n > 0; --n) {
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    const auto size = std::min(bytes.size() - at, *rc::gen::inRange<std::size_t>(1, 100'000));
    base::SeededRandom(at).fill(base::MutableBytes(bytes).subspan(at, size));
  }
  const auto mended = mend_pack(bytes, pack.directory.pack, pack.bytes.size());
  if (!mended.trailer) return;
  RC_ASSERT(mended.trailer == read_trailer(pack.bytes));
  for (std::size_t at = 0; at < mended.trailer->covered_size(); at += sector_size) {
    const auto size = std::min<std::size_t>(sector_size, mended.trailer->covered_size() - at);
    const bool lost = std::ranges::count(mended.sectors_lost, at / sector_size) != 0;
    RC_ASSERT(lost || std::ranges::equal(ByteView(mended.bytes).subspan(at, size),
                                         ByteView(pack.bytes).subspan(at, size)));
  }
}

}  // namespace
}  // namespace holdfast::pipeline
