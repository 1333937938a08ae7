#include "pipeline/pack.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "pipeline/pack_testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace holdfast::pipeline {
namespace {

using base::Bytes;
using base::ByteView;
using base::ErrorKind;

template <class Work>
std::optional<ErrorKind> kind_of_failure(Work work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error.kind();
  }
  return std::nullopt;
}

TEST(Pack, reads_back_as_written) {
  for (const auto padding : {PackBuilder::Padding::none, PackBuilder::Padding::padme}) {
    const TestKeys keys;
    const auto pack = write_test_pack(keys, PackKind::data, 40, padding);
    const auto header = parse_pack_header(pack.bytes);
    EXPECT_EQ(header.pack, pack.directory.pack);
    EXPECT_EQ(header.kind, PackKind::data);
    EXPECT_EQ(header.epoch, 3U);
    EXPECT_EQ(read_directory(keys, pack.bytes), pack.directory);
    EXPECT_EQ(read_chunks(keys, pack.bytes), pack.chunks);
  }
}

RC_GTEST_PROP(Pack, every_number_of_segments_reads_back, ()) {
  const TestKeys keys;
  const auto pack = write_test_pack(keys, PackKind::tree, *rc::gen::inRange<std::size_t>(0, 60),
                                    PackBuilder::Padding::none);
  RC_ASSERT(read_directory(keys, pack.bytes) == pack.directory);
  RC_ASSERT(read_chunks(keys, pack.bytes) == pack.chunks);
}

TEST(Pack, positions_are_given_once_and_appended_in_any_order) {
  const TestKeys keys;
  base::SeededRandom random(1);
  PackBuilder builder(keys.write_keys(), PackKind::data, random, {});
  auto key = builder.cipher();
  const auto first = builder.reserve();
  const auto second = builder.reserve();
  EXPECT_NE(first.position, second.position);
  Bytes bytes = base::copy_of(builder.header());
  for (const auto& context : {second, first}) {
    SegmentBuilder segment;
    segment.add(random.id<base::ChunkId>(), Bytes(100, std::byte{7}));
    SegmentCodec codec;
    const auto encoded = segment.encode();
    const auto framed = codec.seal(key, context, codec.compress(encoded), encoded);
    builder.append(context, framed, static_cast<std::uint32_t>(encoded.size()), segment.chunks());
    base::append(bytes, framed);
  }
  base::append(bytes, builder.finish(PackBuilder::Padding::none));
  EXPECT_EQ(bytes.size(), builder.size());
  const auto directory = read_directory(keys, bytes);
  EXPECT_EQ(directory, builder.directory());
  EXPECT_EQ(directory.segments[0].position, second.position);
  EXPECT_EQ(read_chunks(keys, bytes).size(), 2U);
}

TEST(Pack, every_damaged_byte_is_noticed_by_name) {
  const TestKeys keys;
  auto pack = write_test_pack(keys, PackKind::data, 3, PackBuilder::Padding::padme);
  for (std::size_t at = 0; at < pack.bytes.size(); ++at) {
    pack.bytes[at] ^= std::byte{0x40};
    const auto kind = kind_of_failure([&] { check_pack(keys, pack.bytes); });
    EXPECT_EQ(kind, ErrorKind::corrupt) << "byte " << at;
    pack.bytes[at] ^= std::byte{0x40};
  }
  EXPECT_EQ(kind_of_failure([&] { check_pack(keys, pack.bytes); }), std::nullopt);
}

TEST(Pack, every_truncation_is_noticed) {
  const TestKeys keys;
  const auto pack = write_test_pack(keys, PackKind::data, 2, PackBuilder::Padding::none);
  for (std::size_t size = 0; size < pack.bytes.size(); ++size) {
    EXPECT_EQ(kind_of_failure([&] { check_pack(keys, ByteView(pack.bytes).first(size)); }),
              ErrorKind::corrupt)
        << size;
  }
}

TEST(Pack, keys_of_others_do_not_open_it) {
  const TestKeys keys;
  const auto pack = write_test_pack(keys, PackKind::data, 2, PackBuilder::Padding::none);
  const auto header = parse_pack_header(pack.bytes);
  const TestKeys others(99);
  EXPECT_EQ(kind_of_failure([&] { open_pack_key(header, keys.repository, others.epoch_pair); }),
            ErrorKind::wrong_key);
  EXPECT_EQ(kind_of_failure([&] { open_pack_key(header, others.repository, keys.epoch_pair); }),
            ErrorKind::corrupt);
  EXPECT_EQ(kind_of_failure([&] { read_directory(others, pack.bytes); }), ErrorKind::wrong_key);
}

TEST(Pack, a_future_version_is_unsupported_and_not_corrupt) {
  const TestKeys keys;
  auto pack = write_test_pack(keys, PackKind::data, 1, PackBuilder::Padding::none);
  const auto set_header = [&](std::size_t at, std::uint8_t value) {
    auto bytes = pack.bytes;
    bytes[at] = std::byte{value};
    base::store_le(bytes.data() + 160, sector_checksum(ByteView(bytes).first(160)));
    return kind_of_failure([&] { parse_pack_header(bytes); });
  };
  EXPECT_EQ(set_header(8, 1), std::nullopt);
  EXPECT_EQ(set_header(8, 2), ErrorKind::unsupported);
  EXPECT_EQ(set_header(10, 2), ErrorKind::unsupported);
  EXPECT_EQ(set_header(11, 9), ErrorKind::unsupported);

  auto tail = base::copy_of(ByteView(pack.bytes).last(read_trailer(pack.bytes).size()));
  const auto set_trailer = [&](std::size_t from_end, std::uint8_t value) {
    auto bytes = tail;
    bytes[bytes.size() - from_end] = std::byte{value};
    base::store_le(bytes.data() + bytes.size() - 16,
                   sector_checksum(ByteView(bytes).first(bytes.size() - 16)));
    auto whole = pack.bytes;
    std::ranges::copy(bytes, whole.end() - static_cast<std::ptrdiff_t>(bytes.size()));
    return kind_of_failure([&] { read_trailer(whole); });
  };
  EXPECT_EQ(set_trailer(24, 1), std::nullopt);
  EXPECT_EQ(set_trailer(24, 2), ErrorKind::unsupported);
  EXPECT_EQ(set_trailer(28, 1), ErrorKind::corrupt);  // another parity size
  EXPECT_EQ(set_trailer(20, 1), ErrorKind::corrupt);  // zero
}

TEST(Pack, sector_checksums_find_the_damaged_sector_without_a_key) {
  const TestKeys keys;
  auto pack = write_test_pack(keys, PackKind::data, 60, PackBuilder::Padding::none);
  const auto trailer = read_trailer(pack.bytes);
  ASSERT_GT(trailer.sector_checksums.size(), 3U);
  pack.bytes[2 * sector_size + 5] ^= std::byte{1};
  EXPECT_THAT(damaged_sectors(pack.bytes, trailer), testing::ElementsAre(2));
}

TEST(Pack, trailer_size_is_bounded_by_the_size_alone) {
  for (const std::uint64_t size :
       {std::uint64_t{400}, std::uint64_t{sector_size}, std::uint64_t{33'000'000}, pack_size_max}) {
    EXPECT_LE(trailer_size_bound(size), size);
    EXPECT_LE(trailer_size_bound(size), 200 + size / sector_size * 8) << size;
  }
  for (const std::uint64_t size :
       {std::uint64_t{0}, std::uint64_t{100}, std::uint64_t{UINT64_MAX}, pack_size_max + 1}) {
    EXPECT_EQ(kind_of_failure([&] { trailer_size_bound(size); }), ErrorKind::corrupt) << size;
  }
}

TEST(Pack, padding_hides_the_exact_size) {
  const TestKeys keys;
  std::vector<std::uint64_t> offsets;
  for (std::size_t count = 50; count < 54; ++count) {
    const auto pack = write_test_pack(keys, PackKind::data, count, PackBuilder::Padding::padme);
    offsets.push_back(read_trailer(pack.bytes).directory_offset);
    const auto bits = std::bit_width(offsets.back()) - 1;
    const auto mask = (std::uint64_t{1} << (bits - std::bit_width(unsigned(bits)))) - 1;
    EXPECT_EQ(offsets.back() & mask, 0U);
  }
}

TEST(Pack, is_rebuilt_from_its_frames_when_the_directory_is_lost) {
  const TestKeys keys;
  auto pack = write_test_pack(keys, PackKind::data, 20, PackBuilder::Padding::none);
  const auto cut = read_trailer(pack.bytes).directory_offset;
  auto damaged = pack.bytes;
  damaged.resize(cut);
  damaged[pack.directory.segments[4].offset] ^= std::byte{1};
  const auto frames = find_frames(damaged);
  ASSERT_EQ(frames.size(), 19U);
  const auto header = parse_pack_header(damaged);
  auto key = open_pack_key(header, keys.repository, keys.epoch_pair);
  SegmentCodec codec;
  for (const auto& frame : frames) {
    const SegmentContext context{keys.repository, header.pack, 1, header.epoch, frame.position};
    const auto framed = ByteView(damaged).subspan(frame.offset, frame.stored_size);
    const auto& known = pack.directory.segments[frame.position];
    EXPECT_EQ(frame.offset, known.offset);
    EXPECT_EQ(frame.encoded_size, known.encoded_size);
    EXPECT_EQ(decode_segment(codec.open(key, context, framed)).lengths.size(), known.chunks.size());
  }
}

TEST(Pack, header_and_trailer_have_their_documented_layout) {
  const TestKeys keys;
  const auto pack = write_test_pack(keys, PackKind::stream, 2, PackBuilder::Padding::none);
  const auto hex = [&](std::size_t at, std::size_t size) {
    return base::to_hex(ByteView(pack.bytes).subspan(at, size));
  };
  EXPECT_EQ(hex(0, 16),
            "48465041434b0d0a"
            "0100"
            "01"
            "03"
            "03000000");
  EXPECT_EQ(hex(16, 32), pack.directory.pack.hex());
  EXPECT_EQ(hex(168, 24), std::string(48, '0'));
  const auto& first = pack.directory.segments.front();
  EXPECT_EQ(first.offset, 192U);
  EXPECT_EQ(hex(192, 8),
            "48465347"
            "00000000");
  EXPECT_EQ(base::load_le<std::uint32_t>(&pack.bytes[200]), first.stored_size - 24);
  EXPECT_EQ(base::load_le<std::uint32_t>(&pack.bytes[204]), first.encoded_size);
  const auto fixed = pack.bytes.size() - 40;
  const auto trailer = read_trailer(pack.bytes);
  EXPECT_EQ(base::load_le<std::uint64_t>(&pack.bytes[fixed]), trailer.directory_offset);
  EXPECT_EQ(base::load_le<std::uint32_t>(&pack.bytes[fixed + 8]), trailer.directory_size);
  EXPECT_EQ(base::load_le<std::uint32_t>(&pack.bytes[fixed + 12]), trailer.covered_size());
  EXPECT_EQ(hex(fixed + 16, 8),
            "0100"
            "0100"
            "00000000");
  EXPECT_EQ(hex(fixed + 32, 8), "48465041434b4e44");
}

}  // namespace
}  // namespace holdfast::pipeline
