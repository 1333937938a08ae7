#include "list_pages.hpp"

#include "base/error.hpp"
#include "node_codec.hpp"
#include "page.hpp"
#include "wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::repository {

namespace {

constexpr const char* what = "a list page";
/// Leaves of about 18 KiB of ids, at most 64 KiB.
constexpr CutRule leaf_rule{64, 512, 2048};
constexpr CutRule index_rule{8, 120, 512};
/// 120^6 leaves of 512 are more than any file has.
constexpr std::uint64_t level_max = 8;
/// 32 TiB in chunks of the smallest size, and 2 GiB of memory: a bound for what a hostile list
/// allocates.
constexpr std::uint64_t items_max = 1 << 26;

[[noreturn]] void corrupt(std::string_view why) {
  throw base::Error(base::ErrorKind::corrupt, fmt::format("{} is damaged: {}", what, why));
}

std::uint64_t hash_of(const base::ChunkId& id) { return id.prefix64(); }
std::uint64_t hash_of(const ListReference& child) { return child.page.prefix64(); }
/// Offsets are multiples of a block: Fibonacci hashing moves what differs to the low bits.
std::uint64_t hash_of(const sources::Hole& hole) {
  return (hole.offset + hole.length) * 0x9E3779B97F4A7C15ULL >> 32;
}

/// Calls `page` for each run of `items` that belongs in one page.
template <class Item, class OnPage>
void cut(const std::vector<Item>& items, const CutRule& rule, const OnPage& page) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto count = i + 1 - begin;
    if (i + 1 < items.size() && !rule.cuts_after(hash_of(items[i]), count)) continue;
    page(std::vector<Item>(items.begin() + static_cast<std::ptrdiff_t>(begin),
                           items.begin() + static_cast<std::ptrdiff_t>(i + 1)));
    begin = i + 1;
  }
}

ListReference store_index(std::vector<ListReference> children, std::uint64_t level,
                          ChunkSink& sink) {
  std::uint64_t count = 0;
  for (const auto& child : children)
    count += child.count;
  return {sink.store(encode_list_page({level, {}, {}, std::move(children)})), count};
}

/// Index pages over `pages` until one is left.
ListReference write_index(std::vector<ListReference> pages, ChunkSink& sink) {
  for (std::uint64_t level = 1; pages.size() > 1; ++level) {
    std::vector<ListReference> above;
    cut(pages, index_rule, [&](std::vector<ListReference> children) {
      above.push_back(store_index(std::move(children), level, sink));
    });
    pages = std::move(above);
  }
  return pages.front();
}

/// Calls `leaf` for every leaf page in order. `expected_level` bounds the recursion.
void walk(const ListReference& list, std::uint64_t level_limit, bool exact, ChunkSource& source,
          const std::function<void(ListPage&&)>& leaf) {
  auto page = decode_list_page(source.load(list.page));
  if (exact ? page.level != level_limit : page.level > level_limit) corrupt("levels do not match");
  std::uint64_t count = page.chunks.size() + page.holes.size();
  for (const auto& child : page.children) {
    if (child.count > list.count - count) corrupt("it has more items than it should");
    count += child.count;
    walk(child, page.level - 1, true, source, leaf);
  }
  if (count != list.count) corrupt("it has another number of items than it should");
  if (page.level == 0) leaf(std::move(page));
}

void check_count(const ListReference& list) {
  if (list.count > items_max) corrupt("it is longer than any list");
}

void walk_leaves(const ListReference& list, ChunkSource& source,
                 const std::function<void(ListPage&&)>& leaf) {
  check_count(list);
  walk(list, level_max, false, source, leaf);
}

ListReference parse_child(base::ByteView message) {
  WireReader reader(message, what);
  ListReference child;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        child.page = reader.id<base::ChunkId>();
        break;
      case 2:
        child.count = reader.number_up_to(items_max);
        break;
      default:
        reader.unknown_field();
    }
  }
  if (child.count == 0) corrupt("a page below is empty");
  return child;
}

void check_page(const ListPage& page) {
  const bool chunks = !page.chunks.empty();
  const bool holes = !page.holes.empty();
  const bool children = !page.children.empty();
  if (page.level == 0 ? (children || chunks == holes) : (!children || chunks || holes)) {
    corrupt("it is not one kind of page");
  }
}

}  // namespace

ListReference write_chunk_list(const std::vector<base::ChunkId>& chunks, ChunkSink& sink) {
  std::vector<ListReference> pages;
  cut(chunks, leaf_rule, [&](std::vector<base::ChunkId> items) {
    const auto count = items.size();
    pages.push_back({sink.store(encode_list_page({0, std::move(items), {}, {}})), count});
  });
  return write_index(std::move(pages), sink);
}

ListReference write_hole_list(const std::vector<sources::Hole>& holes, ChunkSink& sink) {
  std::vector<ListReference> pages;
  cut(holes, leaf_rule, [&](std::vector<sources::Hole> items) {
    const auto count = items.size();
    pages.push_back({sink.store(encode_list_page({0, {}, std::move(items), {}})), count});
  });
  return write_index(std::move(pages), sink);
}

std::vector<base::ChunkId> read_chunk_list(const ListReference& list, ChunkSource& source) {
  std::vector<base::ChunkId> chunks;
  walk_leaves(list, source, [&](ListPage&& page) {
    if (page.chunks.empty()) corrupt("it is a list of holes and not of chunks");
    chunks.insert(chunks.end(), page.chunks.begin(), page.chunks.end());
  });
  return chunks;
}

std::vector<sources::Hole> read_hole_list(const ListReference& list, ChunkSource& source) {
  std::vector<sources::Hole> holes;
  walk_leaves(list, source, [&](ListPage&& page) {
    if (page.holes.empty()) corrupt("it is a list of chunks and not of holes");
    holes.insert(holes.end(), page.holes.begin(), page.holes.end());
  });
  return holes;
}

void for_each_list_page(const ListReference& list, ChunkSource& source,
                        const std::function<void(const base::ChunkId&)>& visit) {
  check_count(list);
  visit(list.page);
  const auto page = decode_list_page(source.load(list.page));
  std::uint64_t count = 0;
  for (const auto& child : page.children) {
    count += child.count;
    if (count > list.count) corrupt("it has more items than it should");
    // What is below level 1 has no pages below: its name is enough.
    if (page.level == 1) {
      visit(child.page);
    } else {
      for_each_list_page(child, source, visit);
    }
  }
}

base::Bytes encode_list_page(const ListPage& page) {
  auto bytes = begin_page(PageKind::list);
  WireWriter writer(bytes);
  writer.number(1, page.level);
  writer.bytes(2, std::as_bytes(std::span(page.chunks)));
  base::Bytes holes;
  append_holes(holes, page.holes);
  writer.bytes(3, holes);
  for (const auto& child : page.children) {
    base::Bytes message;
    WireWriter fields(message);
    fields.bytes(1, child.page.view());
    fields.number(2, child.count);
    writer.item(4, message);
  }
  return bytes;
}

ListPage decode_list_page(base::ByteView bytes) {
  constexpr std::uint64_t repeated = 1 << 4;
  WireReader reader(page_message(PageKind::list, bytes), what, repeated);
  ListPage page;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        page.level = reader.number_up_to(level_max);
        break;
      case 2:
        parse_ids(reader.bytes(), page.chunks);
        break;
      case 3:
        parse_holes(reader.bytes(), page.holes);
        break;
      case 4:
        page.children.push_back(parse_child(reader.bytes()));
        break;
      default:
        reader.unknown_field();
    }
  }
  check_page(page);
  return page;
}

}  // namespace holdfast::repository
