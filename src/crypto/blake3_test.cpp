#include "crypto/blake3.hpp"

#include "base/random.hpp"
#include "blake3_kernels.hpp"
#include "blake3_vectors.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

namespace holdfast::crypto {
namespace {

using base::Bytes;
using base::ByteView;

Bytes vector_input(std::size_t length) {
  Bytes bytes(length);
  for (std::size_t i = 0; i < length; ++i)
    bytes[i] = static_cast<std::byte>(i % 251);
  return bytes;
}

const Bytes& random_input() {
  static const Bytes bytes = [] {
    Bytes made(600 * blake3_chunk_size);
    base::SeededRandom(1).fill(made);
    return made;
  }();
  return bytes;
}

Blake3Key vector_key() {
  Blake3Key key;
  std::ranges::copy(base::as_bytes(blake3_vector_key), key.begin());
  return key;
}

std::vector<Blake3Lanes> supported_lanes() {
  std::vector<Blake3Lanes> lanes;
  for (const auto each : {Blake3Lanes::portable, Blake3Lanes::avx2, Blake3Lanes::avx512}) {
    if (is_supported(each)) lanes.push_back(each);
  }
  return lanes;
}

/// Lengths around everything that has a boundary: blocks, chunks, groups of lanes, groups of
/// chunks.
std::vector<std::size_t> interesting_lengths() {
  std::vector<std::size_t> lengths;
  for (std::size_t length = 0; length <= 2 * blake3_block_size + 1; ++length) {
    lengths.push_back(length);
  }
  for (std::size_t chunks = 1; chunks <= 66; ++chunks) {
    const auto size = chunks * blake3_chunk_size;
    for (const auto length : {size - 65, size - 64, size - 63, size - 1, size, size + 1}) {
      lengths.push_back(length);
    }
    lengths.push_back(size + (chunks * 61) % blake3_chunk_size);
  }
  for (const std::size_t chunks : {127, 128, 129, 255, 256, 257, 271, 272, 273, 511, 512, 513}) {
    const auto size = chunks * blake3_chunk_size;
    for (const auto length : {size - 1, size, size + 1, size + 100})
      lengths.push_back(length);
  }
  return lengths;
}

class OfLanes : public testing::TestWithParam<Blake3Lanes> {
protected:
  Blake3Lanes lanes() const { return GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Blake3, OfLanes, testing::ValuesIn(supported_lanes()),
                         [](const auto& each) { return std::string(name_of(each.param)); });

TEST_P(OfLanes, AgreesWithThePublishedVectors) {
  for (const auto& vector : blake3_vectors) {
    const auto input = vector_input(vector.length);
    EXPECT_EQ(Blake3(lanes()).update(input).finish().hex(), vector.hash) << vector.length;
    EXPECT_EQ(Blake3(lanes()).finish_whole(input).hex(), vector.hash) << vector.length;
    EXPECT_EQ(Blake3(vector_key(), lanes()).finish_whole(input).hex(), vector.keyed)
        << vector.length;
    EXPECT_EQ(Blake3::derive_key(blake3_vector_context, lanes()).update(input).finish().hex(),
              vector.derived)
        << vector.length;
  }
}

TEST_P(OfLanes, AgreesWithThePortableCode) {
  for (const auto length : interesting_lengths()) {
    const auto input = ByteView(random_input()).first(length);
    const auto expected = Blake3(Blake3Lanes::portable).update(input).finish();
    EXPECT_EQ(Blake3(lanes()).finish_whole(input), expected) << length;
    EXPECT_EQ(Blake3(lanes()).update(input).finish(), expected) << length;
  }
}

TEST_P(OfLanes, DoesNotDependOnHowTheStreamIsCut) {
  EXPECT_TRUE(rc::check([this] {
    const auto length = *rc::gen::inRange<std::size_t>(0, random_input().size());
    const auto whole = ByteView(random_input()).first(length);
    const auto expected = Blake3(lanes()).finish_whole(whole);
    const auto step = *rc::gen::element<std::size_t>(70, 1500, 5000, 40'000, 300'000);
    Blake3 stream(lanes());
    for (auto rest = whole; !rest.empty();) {
      const auto size = std::min(*rc::gen::inRange<std::size_t>(step / 2, step), rest.size());
      stream.update(rest.first(size));
      rest = rest.subspan(size);
      if (rest.size() % 16 == 0) stream.update({});
    }
    RC_ASSERT(stream.finish() == expected);
  }));
}

TEST_P(OfLanes, DoesNotDependOnAlignment) {
  const auto input = ByteView(random_input()).first(20'001);
  const auto expected = Blake3(lanes()).finish_whole(input);
  for (std::size_t shift = 1; shift < blake3_block_size; ++shift) {
    Bytes shifted(shift);
    base::append(shifted, input);
    EXPECT_EQ(Blake3(lanes()).finish_whole(ByteView(shifted).subspan(shift)), expected);
  }
}

TEST_P(OfLanes, FinishDoesNotEndTheStream) {
  Blake3 stream(lanes());
  const auto input = ByteView(random_input()).first(5000);
  stream.update(input.first(3072));
  EXPECT_EQ(stream.finish(), Blake3(lanes()).finish_whole(input.first(3072)));
  EXPECT_EQ(stream.update(input.subspan(3072)).finish(), Blake3(lanes()).finish_whole(input));
}

#if defined(__x86_64__)
const Blake3Kernel& kernel_of(Blake3Lanes lanes) {
  if (lanes == Blake3Lanes::avx512) return blake3_avx512_kernel;
  if (lanes == Blake3Lanes::avx2) return blake3_avx2_kernel;
  return blake3_portable_kernel;
}

// Beyond 4 GiB the counter of the lanes of one group runs over its lower word.
TEST_P(OfLanes, CountBeyondFourGigabytes) {
  const auto key = std::bit_cast<std::array<std::uint32_t, 8>>(vector_key());
  for (std::size_t count = 1; count <= 40; ++count) {
    const Blake3Chunks chunks{random_input().data(), count, 1 + count * 25, (1ULL << 32) - 5};
    std::vector<std::uint32_t> expected(count * 8);
    std::vector<std::uint32_t> values(count * 8);
    blake3_portable_kernel.hash_chunks(chunks, key.data(), blake3_keyed_hash, expected.data());
    kernel_of(lanes()).hash_chunks(chunks, key.data(), blake3_keyed_hash, values.data());
    EXPECT_EQ(values, expected) << count;
  }
}

TEST_P(OfLanes, HashParentsInPlace) {
  const auto key = std::bit_cast<std::array<std::uint32_t, 8>>(vector_key());
  for (std::size_t count = 1; count <= 40; ++count) {
    std::vector<std::uint32_t> pairs(count * 16);
    base::SeededRandom(count).fill(std::as_writable_bytes(std::span(pairs)));
    std::vector<std::uint32_t> expected(count * 8);
    blake3_portable_kernel.hash_parents(pairs.data(), count, key.data(), 0, expected.data());
    kernel_of(lanes()).hash_parents(pairs.data(), count, key.data(), 0, pairs.data());
    pairs.resize(count * 8);
    EXPECT_EQ(pairs, expected) << count;
  }
}
#endif

TEST(Blake3, OneCallFunctionsAreTheStreams) {
  const auto input = ByteView(random_input()).first(10'000);
  EXPECT_EQ(blake3(input), Blake3().update(input).finish());
  EXPECT_EQ(blake3_keyed(vector_key(), input), Blake3(vector_key()).update(input).finish());
  EXPECT_NE(blake3(input), blake3_keyed(vector_key(), input));
}

TEST(Blake3, LongOutputBeginsWithTheShortOne) {
  Blake3 stream;
  stream.update(base::as_bytes("holdfast"));
  Bytes all(200);
  stream.finish_into(all);
  for (const std::size_t size : {1, 32, 63, 64, 65, 128, 199}) {
    Bytes part(size);
    stream.finish_into(part);
    EXPECT_TRUE(std::ranges::equal(part, ByteView(all).first(size))) << size;
  }
  EXPECT_TRUE(std::ranges::equal(stream.finish().view(), ByteView(all).first(32)));
}

TEST(Blake3, TheBestLanesAreSupported) {
  EXPECT_TRUE(is_supported(best_lanes()));
  EXPECT_EQ(best_lanes(), supported_lanes().back());
  EXPECT_TRUE(is_supported(Blake3Lanes::portable));
}

TEST(Blake3DeathTest, AWholeStreamHasOnePiece) {
  Blake3 stream;
  stream.update(base::as_bytes("x"));
  EXPECT_DEATH(stream.finish_whole(base::as_bytes("y")), "the piece is the whole stream");
}

}  // namespace
}  // namespace holdfast::crypto
