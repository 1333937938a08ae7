#include "pipeline/segment.hpp"

#include "base/error.hpp"
#include "base/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace holdfast::pipeline {
namespace {

using base::Bytes;
using base::ByteView;
using base::ErrorKind;

Bytes random_bytes(std::uint64_t seed, std::size_t size) {
  base::SeededRandom random(seed);
  Bytes bytes(size);
  random.fill(bytes);
  return bytes;
}

/// Compressible, and not the same everywhere.
Bytes text_bytes(std::uint64_t seed, std::size_t size) {
  auto bytes = random_bytes(seed, size);
  for (auto& byte : bytes)
    byte = std::byte{'a'} | (byte & std::byte{3});
  return bytes;
}

SegmentContext test_context() {
  base::SeededRandom random(11);
  return {random.id<base::RepositoryId>(), random.id<base::PackId>(), 1, 3, 5};
}

crypto::Aead test_key() { return crypto::Aead(random_bytes(42, crypto::aead_key_size)); }

Bytes sealed(SegmentCodec& codec, ByteView encoded, const SegmentContext& context) {
  auto key = test_key();
  const auto compressed = codec.compress(encoded);
  return base::copy_of(codec.seal(key, context, compressed, encoded));
}

ErrorKind kind_of_failure(const SegmentContext& context, ByteView framed) {
  SegmentCodec codec;
  auto key = test_key();
  try {
    codec.open(key, context, framed);
  } catch (const base::Error& error) {
    return error.kind();
  }
  return ErrorKind{};
}

RC_GTEST_PROP(Segment, what_was_put_in_comes_out, ()) {
  SegmentBuilder builder(64 * 1024);
  SegmentCodec codec;
  auto key = test_key();
  std::vector<Bytes> chunks;
  std::size_t raw = 0;
  base::SeededRandom random(*rc::gen::arbitrary<std::uint64_t>());
  const auto is_text = *rc::gen::arbitrary<bool>();
  const auto count = *rc::gen::inRange(0, 20);
  for (int i = 0; i < count; ++i) {
    const auto size = random.below(20'000);
    auto chunk = is_text ? text_bytes(random.below(1000), size) : random_bytes(size, size);
    if (builder.should_seal_before(size)) break;
    builder.add(random.id<base::ChunkId>(), chunk);
    EXPECT_EQ(builder.chunks().back().offset, raw);
    raw += size;
    chunks.push_back(std::move(chunk));
  }
  const auto encoded = builder.encode();
  const auto compressed = codec.compress(encoded);
  const auto framed = base::copy_of(codec.seal(key, test_context(), compressed, encoded));
  const auto decoded = decode_segment(codec.open(key, test_context(), framed));
  RC_ASSERT(decoded.lengths.size() == chunks.size());
  auto rest = decoded.bytes;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const auto chunk = rest.first(decoded.lengths[i]);
    RC_ASSERT(std::equal(chunk.begin(), chunk.end(), chunks[i].begin(), chunks[i].end()));
    rest = rest.subspan(decoded.lengths[i]);
  }
  RC_ASSERT(rest.empty());
}

TEST(Segment, builder_says_when_it_is_full) {
  SegmentBuilder builder(1000);
  EXPECT_FALSE(builder.should_seal_before(5000));
  builder.add({}, random_bytes(1, 600));
  EXPECT_FALSE(builder.should_seal_before(400));
  EXPECT_TRUE(builder.should_seal_before(401));
  builder.clear();
  EXPECT_TRUE(builder.empty());
  const auto large = random_bytes(2, 300'000);
  builder.add({}, large);
  EXPECT_TRUE(builder.should_seal_before(0));
  const auto encoded = builder.encode();
  ASSERT_EQ(encoded.size(), 8 + large.size());
  EXPECT_TRUE(std::equal(large.begin(), large.end(), encoded.begin() + 8));
}

TEST(Segment, holds_at_most_its_number_of_chunks) {
  SegmentBuilder builder;
  for (std::uint32_t i = 0; i < segment_chunks_max; ++i)
    builder.add({}, random_bytes(i, 3));
  EXPECT_TRUE(builder.should_seal_before(3));
  EXPECT_EQ(decode_segment(builder.encode()).lengths.size(), segment_chunks_max);
}

TEST(Segment, random_bytes_are_stored_as_they_are) {
  SegmentCodec codec;
  const auto encoded = random_bytes(3, 100'000);
  EXPECT_FALSE(codec.compress(encoded).is_zstd);
  EXPECT_EQ(sealed(codec, encoded, test_context()).size(), 24 + encoded.size() + 16);
}

TEST(Segment, a_chunk_is_read_alone_where_nothing_is_compressed) {
  SegmentBuilder builder;
  std::vector<Bytes> contents;
  for (const std::size_t size : {10'000U, 1U, 77'777U}) {
    contents.push_back(random_bytes(size, size));
    builder.add(base::ChunkId{}, contents.back());
  }
  const auto encoded = builder.encode();
  SegmentCodec codec;
  const auto framed = sealed(codec, encoded, test_context());
  const auto encoded_size = static_cast<std::uint32_t>(encoded.size());
  ASSERT_TRUE(is_stored_plain(static_cast<std::uint32_t>(framed.size()), encoded_size));
  auto key = test_key();
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const auto& chunk = builder.chunks()[i];
    const auto at = plain_chunk_offset(contents.size(), chunk);
    Bytes bytes(chunk.length);
    open_plain_chunk(key, test_context().position, at, ByteView(framed).subspan(at, chunk.length),
                     bytes);
    EXPECT_EQ(bytes, contents[i]);
  }
}

TEST(Segment, text_shrinks) {
  SegmentCodec codec;
  const auto encoded = text_bytes(3, 1'000'000);
  EXPECT_TRUE(codec.compress(encoded).is_zstd);
  EXPECT_LT(sealed(codec, encoded, test_context()).size(), 300'000U);
}

TEST(Segment, every_level_reads_back_and_others_are_refused) {
  const auto encoded = text_bytes(3, 100'000);
  for (const int level : {-5, 1, 3, 9, 19}) {
    SegmentCodec codec(level);
    EXPECT_LT(sealed(codec, encoded, test_context()).size(), 60'000U) << level;
  }
  EXPECT_THROW(SegmentCodec(23), base::Error);
}

TEST(Segment, opens_only_where_it_was_sealed) {
  SegmentCodec codec;
  const auto context = test_context();
  const auto framed = sealed(codec, text_bytes(1, 5000), context);
  EXPECT_EQ(kind_of_failure(context, framed), ErrorKind{});
  base::SeededRandom random(1);
  auto other = context;
  other.repository = random.id<base::RepositoryId>();
  EXPECT_EQ(kind_of_failure(other, framed), ErrorKind::corrupt);
  other = context;
  other.pack = random.id<base::PackId>();
  EXPECT_EQ(kind_of_failure(other, framed), ErrorKind::corrupt);
  other = context;
  other.kind = 2;
  EXPECT_EQ(kind_of_failure(other, framed), ErrorKind::corrupt);
  other = context;
  other.epoch = 4;
  EXPECT_EQ(kind_of_failure(other, framed), ErrorKind::corrupt);
  other = context;
  other.position = 6;
  EXPECT_EQ(kind_of_failure(other, framed), ErrorKind::corrupt);
}

TEST(Segment, every_flipped_bit_and_every_truncation_is_noticed) {
  SegmentCodec codec;
  for (const auto& encoded : {text_bytes(1, 400), random_bytes(1, 200)}) {
    auto framed = sealed(codec, encoded, test_context());
    for (std::size_t bit = 0; bit < 8 * framed.size(); ++bit) {
      framed[bit / 8] ^= std::byte{1} << (bit % 8);
      EXPECT_EQ(kind_of_failure(test_context(), framed), ErrorKind::corrupt) << bit;
      framed[bit / 8] ^= std::byte{1} << (bit % 8);
    }
    for (std::size_t size = 0; size < framed.size(); ++size) {
      EXPECT_EQ(kind_of_failure(test_context(), ByteView(framed).first(size)), ErrorKind::corrupt);
    }
    framed.push_back(std::byte{0});
    EXPECT_EQ(kind_of_failure(test_context(), framed), ErrorKind::corrupt);
  }
}

TEST(Segment, a_compressor_that_lies_is_caught_before_storing) {
  SegmentCodec codec;
  auto key = test_key();
  const auto encoded = text_bytes(1, 5000);
  auto input_that_changed = encoded;
  const auto compressed = codec.compress(encoded);
  input_that_changed[100] ^= std::byte{1};
  EXPECT_THROW(codec.seal(key, test_context(), compressed, input_that_changed), base::Error);
}

TEST(Segment, authentic_nonsense_is_refused) {
  // A writer with the key can seal anything: its sizes must not be believed either.
  SegmentCodec codec;
  const auto text = text_bytes(1, 5000);
  const auto seal_as = [&](std::uint32_t encoded_size) {
    auto key = test_key();
    auto compressed = codec.compress(text);
    compressed.encoded_size = encoded_size;
    return codec.seal(key, test_context(), compressed, text);
  };
  EXPECT_THROW(seal_as(4999), base::Error);
  EXPECT_THROW(seal_as(5001), base::Error);
  EXPECT_THROW(seal_as(encoded_segment_size_max), base::Error);
}

TEST(Segment, lengths_that_do_not_add_up_are_refused) {
  SegmentBuilder builder;
  builder.add({}, random_bytes(1, 100));
  builder.add({}, random_bytes(2, 50));
  const auto encoded = base::copy_of(builder.encode());
  EXPECT_EQ(decode_segment(encoded).lengths, (std::vector<std::uint32_t>{100, 50}));
  for (std::size_t i = 0; i < 12; ++i) {
    auto changed = encoded;
    changed[i] ^= std::byte{1};
    EXPECT_THROW(decode_segment(changed), base::Error) << i;
  }
  for (std::size_t size = 0; size < encoded.size(); ++size) {
    EXPECT_THROW(decode_segment(ByteView(encoded).first(size)), base::Error) << size;
  }
}

TEST(Segment, has_golden_bytes) {
  SegmentBuilder builder;
  builder.add({}, base::as_bytes("alpha"));
  builder.add({}, base::as_bytes("be"));
  const auto encoded = builder.encode();
  EXPECT_EQ(base::to_hex(encoded), "020000000500000002000000616c7068616265");
  SegmentCodec codec;
  const SegmentContext context{{}, {}, 1, 3, 5};
  crypto::Aead key(Bytes(crypto::aead_key_size, std::byte{1}));
  EXPECT_EQ(base::to_hex(codec.seal(key, context, codec.compress(encoded), encoded)),
            "4846534705000000230000001300000000000000000000005252c7daaec6f8b8"
            "542237758e22213a6943a081b19f147c943177ee7bcf3a7ff371ae");
}

}  // namespace
}  // namespace holdfast::pipeline
