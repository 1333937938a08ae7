// Directories become pages.
//
// Problem: a backup that changes one file stores the pages that hold it anew, with the ids of all
// their neighbours,
//          which do not compress; and an insertion must not move the cuts of everything behind it.
// Idea:    small pages, cut by the hash of the name. A name decides alone (but for the bounds), so
// a change reaches
//          one leaf and one page on each level above it.
// Cost:    docs/decisions/0005-tree-pages.md has the simulation.

#include "base/error.hpp"
#include "base/units.hpp"
#include "list_pages.hpp"
#include "node_codec.hpp"
#include "page.hpp"
#include "repository/tree.hpp"
#include "tree_page.hpp"
#include "wire.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::repository {

namespace {

/// A directory (or a level) of up to this many items is one page.
constexpr std::size_t single_page_items = 32;
constexpr CutRule leaf_rule{8, 16, 64};
constexpr CutRule index_rule{8, 24, 96};
/// Entries with large attributes fill a page earlier.
constexpr std::size_t page_size_target = 64 * 1024;
/// Leaves room for a page's other entries below tree_page_size_max.
constexpr std::size_t node_size_max = 8 * 1024 * 1024;

/// FNV-1a, then the finaliser of MurmurHash3 so that the low bits depend on every byte.
std::uint64_t hash_of_name(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : name)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdULL;
  hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53ULL;
  return hash ^ hash >> 33;
}

[[noreturn]] void invalid(const Node& node, std::string_view why) {
  throw base::Error(
      base::ErrorKind::invalid_input,
      fmt::format("storing the entry '{}': {}",
                  base::printable(std::string_view(node.entry.name).substr(0, 256)), why));
}

bool has_long_lists(const Node& node) {
  return node.chunks.size() > inline_items_max || node.entry.holes.size() > inline_items_max;
}

/// The message of `node` with long lists detached, in `message`.
void encode_detached(const Node& node, ChunkSink& sink, base::Bytes& message) {
  message.clear();
  if (const auto problem = problem_of(node); !problem.empty()) invalid(node, problem);
  if (has_long_lists(node)) {
    auto copy = node;
    detach_lists(copy, sink);
    append_node(message, copy);
  } else {
    append_node(message, node);
  }
  if (message.size() > node_size_max) invalid(node, "its attributes take more than 8 MiB");
}

void check_names(std::span<const Node> nodes) {
  const Node* before = nullptr;
  for (const auto& node : nodes) {
    if (const auto problem = problem_of_name(node.entry.name); !problem.empty()) {
      invalid(node, problem);
    }
    if (before && before->entry.name >= node.entry.name) invalid(node, "names are out of order");
    before = &node;
  }
}

/// Collects encoded items of one level and stores a page where the rule cuts.
class LevelWriter {
public:
  LevelWriter(std::uint64_t level, std::size_t items, ChunkSink& sink)
      : level_(level), rule_(rule_for(level, items)), sink_(sink) {
    begin();
  }

  void add(std::string_view name, std::uint64_t nodes, base::ByteView message) {
    if (items_ == 0) child_.first = name;
    WireWriter(page_).item(level_ == 0 ? 2 : 3, message);
    ++items_;
    child_.count += nodes;
    // A rotation for each level: else a name that ends a leaf would end every page above it.
    const auto hash = std::rotr(hash_of_name(name), static_cast<int>(level_ * 8 % 64));
    if (rule_.cuts_after(hash, items_) || page_.size() >= page_size_target) end();
  }

  std::vector<TreeChild> finish() {
    if (items_ > 0 || pages_.empty()) end();
    return std::move(pages_);
  }

private:
  static CutRule rule_for(std::uint64_t level, std::size_t items) {
    if (items <= single_page_items) return {single_page_items, 1, single_page_items};
    return level == 0 ? leaf_rule : index_rule;
  }

  void begin() {
    page_ = begin_page(PageKind::tree);
    WireWriter(page_).number(1, level_);
    child_ = {};
    items_ = 0;
  }

  void end() {
    child_.page = sink_.store(page_);
    pages_.push_back(std::move(child_));
    begin();
  }

  const std::uint64_t level_;
  const CutRule rule_;
  ChunkSink& sink_;
  base::Bytes page_;
  std::size_t items_ = 0;
  TreeChild child_;
  std::vector<TreeChild> pages_;
};

std::vector<TreeChild> write_index(const std::vector<TreeChild>& children, std::uint64_t level,
                                   ChunkSink& sink) {
  LevelWriter writer(level, children.size(), sink);
  base::Bytes message;
  for (const auto& child : children) {
    message.clear();
    WireWriter fields(message);
    fields.text(1, child.first);
    fields.bytes(2, child.page.view());
    fields.number(3, child.count);
    writer.add(child.first, child.count, message);
  }
  return writer.finish();
}

}  // namespace

namespace {

base::ChunkId write_levels(std::vector<TreeChild> pages, ChunkSink& sink) {
  for (std::uint64_t level = 1; pages.size() > 1; ++level)
    pages = write_index(pages, level, sink);
  return pages.front().page;
}

}  // namespace

base::ChunkId write_tree(std::span<const Node> nodes, ChunkSink& sink) {
  check_names(nodes);
  LevelWriter leaves(0, nodes.size(), sink);
  base::Bytes message;
  for (const auto& node : nodes) {
    encode_detached(node, sink, message);
    leaves.add(node.entry.name, 1, message);
  }
  return write_levels(leaves.finish(), sink);
}

base::ChunkId write_encoded_tree(std::span<const EncodedNode> nodes, ChunkSink& sink) {
  LevelWriter leaves(0, nodes.size(), sink);
  std::string_view before;
  for (const auto& node : nodes) {
    HF_ASSERT(before < node.name, "encoded nodes come in name order");
    leaves.add(before = node.name, 1, node.bytes);
  }
  return write_levels(leaves.finish(), sink);
}

base::Bytes encode_node(const Node& node, ChunkSink& sink) {
  base::Bytes message;
  encode_detached(node, sink, message);
  return message;
}

void detach_lists(Node& node, ChunkSink& sink) {
  if (node.chunks.size() > inline_items_max) {
    node.chunk_list = write_chunk_list(node.chunks, sink);
    node.chunks.clear();
  }
  if (node.entry.holes.size() > inline_items_max) {
    node.hole_list = write_hole_list(node.entry.holes, sink);
    node.entry.holes.clear();
  }
}

}  // namespace holdfast::repository
