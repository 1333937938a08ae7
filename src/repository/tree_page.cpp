#include "tree_page.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "base/units.hpp"
#include "node_codec.hpp"
#include "page.hpp"
#include "wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace holdfast::repository {

namespace {

constexpr const char* what = "a tree page";

[[noreturn]] void corrupt(std::string_view why) {
  throw base::Error(base::ErrorKind::corrupt, fmt::format("{} is damaged: {}", what, why));
}

TreeChild parse_child(base::ByteView message) {
  WireReader reader(message, what);
  TreeChild child;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        child.first = reader.text();
        break;
      case 2:
        child.page = reader.id<base::ChunkId>();
        break;
      case 3:
        child.count = reader.number();
        break;
      default:
        reader.unknown_field();
    }
  }
  if (child.count == 0) corrupt("a page below is empty");
  check_component(child.first);
  return child;
}

void add_node(TreePage& page, Node&& node) {
  if (page.nodes.size() == page_items_max) corrupt("it has too many entries");
  check_component(node.entry.name);
  if (!page.nodes.empty() && page.nodes.back().entry.name >= node.entry.name) {
    corrupt("its names are out of order");
  }
  page.nodes.push_back(std::move(node));
}

void add_removed(TreePage& page, std::string&& name) {
  if (page.removed.size() == page_items_max) corrupt("it has too many removed names");
  check_component(name);
  if (!page.removed.empty() && page.removed.back() >= name) corrupt("its names are out of order");
  page.removed.push_back(std::move(name));
}

void parse_places(TreePage& page, base::ByteView bytes) {
  base::ByteReader reader(bytes, what);
  std::uint64_t next = 0;
  while (reader.left() > 0) {
    const auto gap = reader.take_varint();
    if (page.superseded.size() == 2 * page_items_max || gap > UINT32_MAX - 1 - next) {
      corrupt("it supersedes too much");
    }
    page.superseded.push_back(static_cast<std::uint32_t>(next + gap));
    next += gap + 1;
  }
}

void check_shape(const TreePage& page) {
  if (page.level == 0 ? !page.children.empty() : page.children.empty() || !page.nodes.empty()) {
    corrupt("it mixes entries and pages");
  }
  if (page.base ? page.level > 0 || (page.nodes.empty() && page.removed.empty())
                : !page.removed.empty() || !page.superseded.empty()) {
    corrupt("it is half an overlay");
  }
  if (page.superseded.size() < page.removed.size() ||
      page.superseded.size() > page.removed.size() + page.nodes.size()) {
    corrupt("it supersedes other entries than it replaces");
  }
  for (const auto& node : page.nodes) {
    if (std::ranges::binary_search(page.removed, node.entry.name)) {
      corrupt("a name is both there and removed");
    }
  }
}

void add_child(TreePage& page, TreeChild&& child) {
  if (page.children.size() == page_items_max) corrupt("it has too many pages below");
  if (!page.children.empty() && page.children.back().first >= child.first) {
    corrupt("its names are out of order");
  }
  page.children.push_back(std::move(child));
}

}  // namespace

std::uint64_t TreePage::count() const {
  std::uint64_t count = nodes.size();
  for (const auto& child : children) {
    if (child.count > std::numeric_limits<std::uint64_t>::max() - count) corrupt("it is too large");
    count += child.count;
  }
  return count;
}

void append_places(base::Bytes& to, const std::vector<std::uint32_t>& places) {
  std::uint64_t next = 0;
  for (const auto place : places) {
    base::put_varint(to, place - next);
    next = std::uint64_t{place} + 1;
  }
}

base::Bytes encode_tree_page(const TreePage& page) {
  auto bytes = begin_page(PageKind::tree);
  WireWriter writer(bytes);
  writer.number(1, page.level);
  base::Bytes message;
  for (const auto& node : page.nodes) {
    message.clear();
    append_node(message, node);
    writer.item(2, message);
  }
  for (const auto& child : page.children) {
    message.clear();
    WireWriter fields(message);
    fields.text(1, child.first);
    fields.bytes(2, child.page.view());
    fields.number(3, child.count);
    writer.item(3, message);
  }
  if (page.base) writer.bytes(4, page.base->view());
  for (const auto& name : page.removed)
    writer.item(5, base::as_bytes(name));
  base::Bytes places;
  append_places(places, page.superseded);
  writer.bytes(6, places);
  return bytes;
}

TreePage decode_tree_page(base::ByteView bytes) {
  if (bytes.size() > tree_page_size_max) corrupt("it is larger than any page");
  constexpr std::uint64_t repeated = 1 << 2 | 1 << 3 | 1 << 5;
  WireReader reader(page_message(PageKind::tree, bytes), what, repeated);
  TreePage page;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        page.level = reader.number_up_to(tree_level_max);
        break;
      case 2:
        add_node(page, parse_node(reader.bytes()));
        break;
      case 3:
        add_child(page, parse_child(reader.bytes()));
        break;
      case 4:
        page.base = reader.id<base::ChunkId>();
        break;
      case 5:
        add_removed(page, reader.text());
        break;
      case 6:
        parse_places(page, reader.bytes());
        break;
      default:
        reader.unknown_field();
    }
  }
  check_shape(page);
  return page;
}

TreePage load_root(const base::ChunkId& tree, ChunkSource& source) {
  return decode_tree_page(source.load(tree));
}

TreePage load_base(const base::ChunkId& base, ChunkSource& source) {
  auto page = load_root(base, source);
  if (page.base) corrupt("an overlay stands on an overlay");
  return page;
}

TreePage load_child(const TreeChild& child, std::uint64_t level, ChunkSource& source) {
  auto page = decode_tree_page(source.load(child.page));
  if (page.base || page.level != level || page.count() != child.count ||
      page.first() != child.first) {
    corrupt("it is not the page that the page above names");
  }
  return page;
}

void check_component(std::string_view name) {
  const auto problem = problem_of_name(name);
  if (problem.empty()) return;
  throw base::Error(
      base::ErrorKind::corrupt,
      fmt::format("'{}' cannot be a file name: {}", base::printable(name.substr(0, 256)), problem));
}

}  // namespace holdfast::repository
