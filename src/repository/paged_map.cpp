#include "repository/paged_map.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "node_codec.hpp"
#include "page.hpp"
#include "wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_map>

namespace holdfast::repository {

namespace {

constexpr const char* what = "a map page";
constexpr std::size_t fan_out = 512;

[[noreturn]] void corrupt(std::string_view why) {
  throw base::Error(base::ErrorKind::corrupt, fmt::format("{} is damaged: {}", what, why));
}

std::uint64_t divide_up(std::uint64_t value, std::uint64_t by) {
  return value / by + (value % by != 0 ? 1 : 0);
}

/// The four columns of a leaf.
struct Columns {
  std::vector<base::ChunkId> superblocks;
  base::Bytes places;
  base::Bytes slots;
  base::Bytes hashes;
};

Columns columns_of(const std::vector<BlockReference>& blocks) {
  Columns columns;
  std::unordered_map<base::ChunkId, std::uint64_t> places;
  std::int64_t expected_slot = 0;
  for (const auto& block : blocks) {
    base::put_le<std::uint64_t>(columns.hashes, block.hash);
    if (block.zero) {
      base::put_varint(columns.places, 0);
      continue;
    }
    const auto [place, is_new] = places.try_emplace(block.superblock, places.size() + 1);
    if (is_new) columns.superblocks.push_back(block.superblock);
    base::put_varint(columns.places, place->second);
    base::put_varint(columns.slots, zigzag(block.slot - expected_slot));
    expected_slot = block.slot + 1;
  }
  return columns;
}

struct LeafFields {
  std::vector<base::ChunkId> superblocks;
  base::ByteView places;
  base::ByteView slots;
  base::ByteView hashes;
};

LeafFields parse_leaf(base::ByteView bytes) {
  WireReader reader(page_message(PageKind::map, bytes), what);
  LeafFields fields;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        parse_ids(reader.bytes(), fields.superblocks);
        break;
      case 2:
        fields.places = reader.bytes();
        break;
      case 3:
        fields.slots = reader.bytes();
        break;
      case 4:
        fields.hashes = reader.bytes();
        break;
      default:
        reader.unknown_field();
    }
  }
  if (fields.superblocks.size() > blocks_per_map_page) corrupt("it names too many superblocks");
  if (fields.hashes.size() % 8 != 0 || fields.hashes.size() / 8 > blocks_per_map_page) {
    corrupt("it has a wrong number of blocks");
  }
  return fields;
}

/// Reads slots one after the other: each is stored as its distance from the one expected.
class SlotReader {
public:
  explicit SlotReader(base::ByteView bytes) : reader_(bytes, what) {}
  std::uint16_t take() {
    const auto distance = unzigzag(reader_.take_varint());
    constexpr std::int64_t slot_max = std::numeric_limits<std::uint16_t>::max();
    if (distance < -expected_ || distance > slot_max - expected_)
      corrupt("a slot is out of bounds");
    const auto slot = expected_ + distance;
    expected_ = slot + 1;
    return static_cast<std::uint16_t>(slot);
  }
  void expect_end() const { reader_.expect_end(); }

private:
  base::ByteReader reader_;
  std::int64_t expected_ = 0;
};

std::vector<base::ChunkId> decode_index_page(base::ByteView bytes) {
  WireReader reader(page_message(PageKind::map_index, bytes), what);
  std::vector<base::ChunkId> pages;
  while (reader.next()) {
    if (reader.field() != 1) reader.unknown_field();
    parse_ids(reader.bytes(), pages);
  }
  return pages;
}

/// The shape of a map follows from its block count alone.
struct Shape {
  std::uint64_t leaves;
  unsigned levels = 0;  // of inner pages
};

Shape shape_of(std::uint64_t block_count) {
  if (block_count > map_blocks_max) corrupt("it has more blocks than any map");
  Shape shape{divide_up(block_count, blocks_per_map_page)};
  for (auto pages = shape.leaves; pages > 1; pages = divide_up(pages, fan_out))
    ++shape.levels;
  if (shape.leaves == 0) shape.levels = 1;
  return shape;
}

/// Calls `inner` and `leaf` for the pages below `page`, which stands over `leaves` leaves.
template <class OnInner, class OnLeaf>
void walk(const base::ChunkId& page, std::uint64_t leaves, unsigned level, ChunkSource& source,
          const OnInner& inner, const OnLeaf& leaf) {
  if (level == 0) return leaf(page);
  inner(page);
  std::uint64_t leaves_per_child = 1;
  for (unsigned i = 1; i < level; ++i)
    leaves_per_child *= fan_out;
  const auto children = decode_index_page(source.load(page));
  if (children.size() != divide_up(leaves, leaves_per_child)) {
    corrupt("it has a wrong number of pages below");
  }
  for (const auto& child : children) {
    const auto below = std::min(leaves, leaves_per_child);
    walk(child, below, level - 1, source, inner, leaf);
    leaves -= below;
  }
}

base::ChunkId store_index_page(std::span<const base::ChunkId> pages, ChunkSink& sink) {
  auto bytes = begin_page(PageKind::map_index);
  WireWriter(bytes).bytes(1, std::as_bytes(pages));
  return sink.store(bytes);
}

}  // namespace

base::Bytes encode_map_page(const std::vector<BlockReference>& blocks) {
  HF_ASSERT(!blocks.empty() && blocks.size() <= blocks_per_map_page,
            "a map page has 1..512 blocks");
  const auto columns = columns_of(blocks);
  auto bytes = begin_page(PageKind::map);
  WireWriter writer(bytes);
  writer.bytes(1, std::as_bytes(std::span(columns.superblocks)));
  writer.bytes(2, columns.places);
  writer.bytes(3, columns.slots);
  writer.bytes(4, columns.hashes);
  return bytes;
}

std::vector<BlockReference> decode_map_page(base::ByteView bytes) {
  const auto fields = parse_leaf(bytes);
  base::ByteReader places(fields.places, what);
  base::ByteReader hashes(fields.hashes, what);
  SlotReader slots(fields.slots);
  std::vector<BlockReference> blocks(fields.hashes.size() / 8);
  std::uint64_t used = 0;
  for (auto& block : blocks) {
    block.hash = hashes.take<std::uint64_t>();
    const auto place = places.take_varint();
    block.zero = place == 0;
    if (block.zero) continue;
    // Superblocks stand in the order of first use, so that one map has one encoding.
    if (place > used + 1 || place > fields.superblocks.size()) corrupt("a place is out of bounds");
    used = std::max(used, place);
    block.superblock = fields.superblocks[place - 1];
    block.slot = slots.take();
  }
  places.expect_end();
  slots.expect_end();
  if (blocks.empty() || used != fields.superblocks.size()) corrupt("its columns do not fit");
  return blocks;
}

std::vector<base::ChunkId> superblocks_of_map_page(base::ByteView bytes) {
  return parse_leaf(bytes).superblocks;
}

std::vector<base::ChunkId> children_of_map_index_page(base::ByteView bytes) {
  return decode_index_page(bytes);
}

base::ChunkId write_map(const std::vector<base::ChunkId>& leaves, ChunkSink& sink) {
  if (leaves.empty()) return store_index_page({}, sink);
  auto pages = leaves;
  while (pages.size() > 1) {
    std::vector<base::ChunkId> above;
    for (std::size_t at = 0; at < pages.size(); at += fan_out) {
      const auto count = std::min(fan_out, pages.size() - at);
      above.push_back(store_index_page(std::span(pages).subspan(at, count), sink));
    }
    pages = std::move(above);
  }
  return pages.front();
}

std::vector<base::ChunkId> read_map(const base::ChunkId& root, std::uint64_t block_count,
                                    ChunkSource& source) {
  const auto shape = shape_of(block_count);
  std::vector<base::ChunkId> leaves;
  walk(
      root, shape.leaves, shape.levels, source, [](const base::ChunkId&) {},
      [&](const base::ChunkId& leaf) { leaves.push_back(leaf); });
  return leaves;
}

void for_each_map_page(const base::ChunkId& root, std::uint64_t block_count, ChunkSource& source,
                       const std::function<void(const base::ChunkId& page)>& page,
                       const std::function<void(const base::ChunkId& chunk)>& superblock) {
  const auto shape = shape_of(block_count);
  std::uint64_t blocks_left = block_count;
  const auto on_leaf = [&](const base::ChunkId& leaf) {
    page(leaf);
    const auto bytes = source.load(leaf);
    const auto fields = parse_leaf(bytes);
    const auto expected = std::min<std::uint64_t>(blocks_left, blocks_per_map_page);
    if (fields.hashes.size() / 8 != expected) corrupt("it has a wrong number of blocks");
    blocks_left -= expected;
    for (const auto& id : fields.superblocks)
      superblock(id);
  };
  walk(root, shape.leaves, shape.levels, source, page, on_leaf);
}

}  // namespace holdfast::repository
