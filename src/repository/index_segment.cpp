// An index segment says for every chunk of some packs where it is.
//
// Chunks stand in the order of their packs, not sorted: then a chunk's place is implied by the
// lengths before it, and an entry costs little more than its 32-byte id, while sorted entries would
// each need 17 to 20 bits to say where they belong. Readers sort once, when they make their local
// cache file.
//
// Everything but the ids is written column by column as LEB128 and compressed: columns are nearly
// constant.
#include "index_segment.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "crypto/aead.hpp"
#include "envelope.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <string_view>

namespace holdfast::repository {

using base::Bytes;
using base::ByteView;
using base::Error;
using base::ErrorKind;

namespace {

constexpr std::string_view magic = "HFINDEX\n";
constexpr std::uint32_t index_version = 1;
constexpr const char* key_label = "holdfast/v1/index";
constexpr int compression_level = 3;
/// Varints of one segment (five columns) and one chunk, at their longest.
constexpr std::size_t columns_size_max = 256UL * 1024 * 1024;
/// A frame that claims to unfold to more than this is not one of ours: our columns shrink 20-fold
/// at most.
constexpr std::size_t columns_ratio_max = 4096;

[[noreturn]] void fail(const char* what) {
  throw Error(ErrorKind::corrupt, fmt::format("index segment: {}", what));
}

std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

/// What a segment of `count` chunks with `raw` bytes is encoded to.
std::uint32_t plain_encoded_size(std::uint64_t count, std::uint64_t raw) {
  return static_cast<std::uint32_t>(4 + 4 * count + raw);
}

struct SegmentShape {
  std::uint32_t chunks = 0;
  std::uint64_t raw_bytes = 0;
};

std::vector<SegmentShape> shapes_of(const IndexSegmentBody& body) {
  std::vector<SegmentShape> shapes(body.segments.size());
  for (const auto& chunk : body.chunks) {
    ++shapes[chunk.segment].chunks;
    shapes[chunk.segment].raw_bytes += chunk.length;
  }
  return shapes;
}

Bytes encode_columns(const IndexSegmentBody& body) {
  Bytes columns;
  std::vector<std::uint32_t> segment_counts(body.packs.size());
  for (const auto& segment : body.segments)
    ++segment_counts[segment.pack];
  for (std::size_t i = 0; i < body.packs.size(); ++i) {
    base::put_varint(columns, static_cast<std::uint64_t>(body.packs[i].kind));
    base::put_varint(columns, body.packs[i].epoch);
    base::put_varint(columns, body.packs[i].size);
    base::put_varint(columns, segment_counts[i]);
  }
  const auto shapes = shapes_of(body);
  const auto& segments = body.segments;
  const auto starts_pack = [&](std::size_t i) {
    return i == 0 || segments[i].pack != segments[i - 1].pack;
  };
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::int64_t expected = starts_pack(i) ? 0 : std::int64_t{segments[i - 1].position} + 1;
    base::put_varint(columns, zigzag(std::int64_t{segments[i].position} - expected));
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto before = starts_pack(i) ? 0 : segments[i - 1].offset + segments[i - 1].stored_size;
    base::put_varint(columns, segments[i].offset - before);
  }
  for (const auto& segment : segments)
    base::put_varint(columns, segment.stored_size);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto plain = plain_encoded_size(shapes[i].chunks, shapes[i].raw_bytes);
    base::put_varint(columns, static_cast<std::uint32_t>(segments[i].encoded_size - plain));
  }
  for (const auto& shape : shapes)
    base::put_varint(columns, shape.chunks);
  for (const auto& chunk : body.chunks)
    base::put_varint(columns, chunk.length);
  return columns;
}

std::uint32_t take_u32(base::ByteReader& reader) {
  const auto value = reader.take_varint();
  if (value > UINT32_MAX) fail("a number is too large");
  return static_cast<std::uint32_t>(value);
}

void decode_packs(base::ByteReader& reader, IndexSegmentBody& body) {
  std::size_t segment = 0;
  for (std::size_t i = 0; i < body.packs.size(); ++i) {
    const auto kind = reader.take_varint();
    if (kind < 1 || kind > 3) fail("unknown kind of pack");
    body.packs[i].kind = static_cast<pipeline::PackKind>(kind);
    body.packs[i].epoch = take_u32(reader);
    body.packs[i].size = reader.take_varint();
    const auto count = reader.take_varint();
    if (count > body.segments.size() - segment) fail("packs claim more segments than there are");
    for (const auto end = segment + count; segment < end; ++segment) {
      body.segments[segment].pack = static_cast<std::uint32_t>(i);
    }
  }
  if (segment != body.segments.size()) fail("segments belong to no pack");
}

void decode_positions(base::ByteReader& reader, std::vector<SegmentLocation>& segments) {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool first = i == 0 || segments[i].pack != segments[i - 1].pack;
    const std::int64_t expected = first ? 0 : std::int64_t{segments[i - 1].position} + 1;
    const auto step = reader.take_varint();
    if (step > 2 * std::uint64_t{UINT32_MAX} + 1) fail("a position is too large");
    const auto position = expected + unzigzag(step);
    if (position < 0 || position > std::int64_t{UINT32_MAX}) fail("a position is too large");
    segments[i].position = static_cast<std::uint32_t>(position);
  }
}

void decode_places(base::ByteReader& reader, IndexSegmentBody& body) {
  auto& segments = body.segments;
  std::vector<std::uint64_t> gaps(segments.size());
  for (auto& gap : gaps)
    gap = reader.take_varint();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    auto& segment = segments[i];
    segment.stored_size = take_u32(reader);
    const bool first = i == 0 || segment.pack != segments[i - 1].pack;
    const auto before = first ? 0 : segments[i - 1].offset + segments[i - 1].stored_size;
    const auto pack_size = body.packs[segment.pack].size;
    if (before > pack_size || gaps[i] > pack_size - before ||
        segment.stored_size > pack_size - before - gaps[i]) {
      fail("a segment lies outside its pack");
    }
    segment.offset = before + gaps[i];
  }
  for (auto& segment : segments)
    segment.encoded_size = take_u32(reader);
}

void decode_chunks(base::ByteReader& reader, IndexSegmentBody& body) {
  std::vector<std::uint32_t> counts(body.segments.size());
  for (auto& count : counts)
    count = take_u32(reader);
  std::size_t chunk = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > body.chunks.size() - chunk) fail("segments claim more chunks than there are");
    std::uint64_t offset = 0;
    for (const auto end = chunk + counts[i]; chunk < end; ++chunk) {
      const auto length = take_u32(reader);
      body.chunks[chunk].segment = static_cast<std::uint32_t>(i);
      body.chunks[chunk].offset = static_cast<std::uint32_t>(offset);
      body.chunks[chunk].length = length;
      offset += length;
      if (offset > pipeline::SegmentBuilder::raw_size_max) fail("a segment is too large");
    }
    body.segments[i].encoded_size += plain_encoded_size(counts[i], offset);
  }
  if (chunk != body.chunks.size()) fail("chunks belong to no segment");
}

Bytes decompress_columns(ByteView compressed, std::size_t raw_size) {
  if (raw_size > columns_size_max || raw_size / columns_ratio_max > compressed.size()) {
    fail("its columns are too large");
  }
  if (ZSTD_getFrameContentSize(compressed.data(), compressed.size()) != raw_size) {
    fail("its columns have another size than it says");
  }
  Bytes columns(raw_size);
  const auto size =
      ZSTD_decompress(columns.data(), columns.size(), compressed.data(), compressed.size());
  if (ZSTD_isError(size) != 0 || size != raw_size) fail("its columns do not decompress");
  return columns;
}

Bytes associated_data(const base::IndexId& id, const base::RepositoryId& repository) {
  Bytes data = base::copy_of(base::as_bytes(magic));
  base::put_le(data, index_version);
  base::append(data, repository.view());
  base::append(data, id.view());
  return data;
}

}  // namespace

IndexSegmentBody index_body_of(std::span<const pipeline::PackDirectory> packs) {
  IndexSegmentBody body;
  for (const auto& pack : packs) {
    const auto number = static_cast<std::uint32_t>(body.packs.size());
    body.packs.push_back({pack.pack, pack.kind, pack.epoch, pack.size});
    std::uint64_t end = 0;
    for (const auto& segment : pack.segments) {
      if (segment.offset < end || segment.offset > pack.size ||
          segment.stored_size > pack.size - segment.offset) {
        fail("a segment lies outside its pack");
      }
      end = segment.offset + segment.stored_size;
      const auto segment_number = static_cast<std::uint32_t>(body.segments.size());
      body.segments.push_back(
          {number, segment.position, segment.offset, segment.stored_size, segment.encoded_size});
      std::uint64_t raw = 0;
      for (const auto& chunk : segment.chunks) {
        if (chunk.offset != raw) fail("the chunks of a segment do not follow one another");
        raw += chunk.length;
        body.chunks.push_back({chunk.id, segment_number, chunk.offset, chunk.length});
      }
    }
  }
  return body;
}

Bytes encode_index_body(const IndexSegmentBody& body) {
  HF_ASSERT(body.chunks.size() <= index_chunks_max && body.segments.size() <= index_chunks_max &&
                body.packs.size() <= index_chunks_max,
            "whoever writes the index writes several segments when there is much");
  const auto columns = encode_columns(body);
  Bytes compressed(ZSTD_compressBound(columns.size()));
  const auto size = ZSTD_compress(compressed.data(), compressed.size(), columns.data(),
                                  columns.size(), compression_level);
  HF_ASSERT(ZSTD_isError(size) == 0, "zstd compresses into a buffer of its own bound");
  compressed.resize(size);

  Bytes out;
  out.reserve(20 + size + 32 * (body.packs.size() + body.chunks.size()));
  for (const auto count : {body.packs.size(), body.segments.size(), body.chunks.size(),
                           columns.size(), compressed.size()}) {
    base::put_le(out, static_cast<std::uint32_t>(count));
  }
  base::append(out, compressed);
  for (const auto& pack : body.packs)
    base::append(out, pack.id.view());
  for (const auto& chunk : body.chunks)
    base::append(out, chunk.id.view());
  return out;
}

IndexSegmentBody decode_index_body(ByteView bytes) {
  base::ByteReader reader(bytes, "index segment");
  const auto pack_count = reader.take<std::uint32_t>();
  const auto segment_count = reader.take<std::uint32_t>();
  const auto chunk_count = reader.take<std::uint32_t>();
  const auto raw_size = reader.take<std::uint32_t>();
  const auto compressed_size = reader.take<std::uint32_t>();
  const auto columns = decompress_columns(reader.take_bytes(compressed_size), raw_size);
  // Each pack, segment and chunk has an id or takes at least a byte of the columns.
  if (reader.left() != 32 * (std::uint64_t{pack_count} + chunk_count)) fail("it lacks ids");
  if (segment_count > columns.size() ||
      std::max({pack_count, segment_count, chunk_count}) > index_chunks_max) {
    fail("it is too large");
  }

  IndexSegmentBody body;
  body.packs.resize(pack_count);
  body.segments.resize(segment_count);
  body.chunks.resize(chunk_count);
  base::ByteReader column(columns, "index segment");
  decode_packs(column, body);
  decode_positions(column, body.segments);
  decode_places(column, body);
  decode_chunks(column, body);
  column.expect_end();
  for (auto& pack : body.packs)
    pack.id = base::PackId::from_bytes(reader.take_bytes(32));
  for (auto& chunk : body.chunks)
    chunk.id = base::ChunkId::from_bytes(reader.take_bytes(32));
  return body;
}

Bytes seal_index_segment(const IndexSegmentBody& body, const base::IndexId& id,
                         const base::RepositoryId& repository, const KeyBundle& keys,
                         base::Random& random) {
  return wrap_envelope(magic, {.version = index_version,
                               .body = crypto::seal_box(keys.index_key.view(), key_label,
                                                        associated_data(id, repository),
                                                        encode_index_body(body), random)});
}

IndexSegmentBody open_index_segment(ByteView object, const base::IndexId& id,
                                    const base::RepositoryId& repository, const KeyBundle& keys) {
  const auto name = index_object_name(id);
  return base::with_context(
      [&] { return "opening " + name; },
      [&] {
        const auto envelope = unwrap_envelope(magic, object, name);
        return decode_index_body(crypto::open_box(keys.index_key.view(), key_label,
                                                  associated_data(id, repository), envelope.body));
      });
}

StoredIndexSegment put_index_segment(storage::Backend& backend,
                                     const base::RepositoryId& repository, const KeyBundle& keys,
                                     const IndexSegmentBody& body, base::Random& random) {
  const auto id = random.id<base::IndexId>();
  const auto object = seal_index_segment(body, id, repository, keys, random);
  if (storage::put(backend, index_object_name(id), object) != storage::PutOutcome::stored) {
    throw Error(ErrorKind::conflict, fmt::format("{} is there already", index_object_name(id)))
        .set_hint("its name is random: this machine's random generator repeats itself");
  }
  return {id, object.size()};
}

}  // namespace holdfast::repository
