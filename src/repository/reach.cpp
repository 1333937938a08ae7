#include "reach.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "collection_object.hpp"
#include "storage/get_many.hpp"
#include "tree_page.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;
using Shape = PageReferences::Shape;

namespace {

constexpr std::size_t key_size = 8;
constexpr std::size_t key_batch_max = 2UL * 1024 * 1024;
/// A node names at most a directory below, or a list of chunks and one of holes, or a map.
constexpr unsigned pages_bits = 2;
constexpr std::uint64_t pages_mask = (1U << pages_bits) - 1;

template <class Id>
void append_key(base::Bytes& text, const Id& id) {
  base::append(text, id.view().first(key_size));
}

[[noreturn]] void corrupt(std::string_view why) {
  throw Error(ErrorKind::corrupt, fmt::format("a reach object is damaged: {}", why));
}

/// Each of what is counted takes at least `size` bytes.
std::uint64_t take_count(base::ByteReader& reader, std::size_t size) {
  const auto count = reader.take_varint();
  if (count > reader.left() / size) corrupt("it names more than it holds");
  return count;
}

void take_keys(base::ByteReader& reader, std::uint64_t count, std::vector<std::uint64_t>& keys) {
  if (count > reader.left() / key_size) corrupt("it names more than it holds");
  const auto bytes = reader.take_bytes(count * key_size);
  for (std::size_t at = 0; at < bytes.size(); at += key_size)
    keys.push_back(key_of(bytes.subspan(at, key_size)));
}

void take_places(base::ByteReader& reader, std::vector<std::uint32_t>& places) {
  std::uint64_t next = 0;
  for (auto count = take_count(reader, 1); count > 0; --count) {
    const auto gap = reader.take_varint();
    if (gap > UINT32_MAX - 1 - next) corrupt("a place is out of bounds");
    places.push_back(static_cast<std::uint32_t>(next + gap));
    next += gap + 1;
  }
}

struct KeyCounts {
  std::uint64_t pages = 0;
  std::uint64_t contents = 0;
};

/// Reads what stands before the keys of an entry.
KeyCounts take_counts(base::ByteReader& reader, ReachEntry& entry) {
  KeyCounts counts;
  if (entry.shape == Shape::leaf) {
    for (auto nodes = take_count(reader, 1); nodes > 0; --nodes) {
      const auto both = reader.take_varint();
      const auto contents = both >> pages_bits;
      if (contents > UINT32_MAX) corrupt("an entry names too much");
      entry.nodes.push_back(
          {static_cast<std::uint32_t>(both & pages_mask), static_cast<std::uint32_t>(contents)});
      counts.pages += entry.nodes.back().pages;
      counts.contents += contents;
    }
  } else if (entry.shape == Shape::index) {
    for (auto pages = take_count(reader, 1); pages > 0; --pages)
      entry.below.push_back(reader.take_varint());
    counts.pages = entry.below.size();
  } else {
    if (entry.shape == Shape::overlay) {
      entry.base = key_of(reader.take_bytes(key_size));
      take_places(reader, entry.superseded);
    }
    counts.pages = reader.take_varint();
    counts.contents = reader.take_varint();
  }
  return counts;
}

/// Those of `places` in [from, to), counted from `from`.
std::vector<std::uint32_t> slice_of(const std::vector<std::uint32_t>& places, std::uint32_t from,
                                    std::uint32_t to) {
  std::vector<std::uint32_t> slice;
  for (auto at = std::ranges::lower_bound(places, from); at != places.end() && *at < to; ++at)
    slice.push_back(*at - from);
  return slice;
}

bool is_damage(const Error& error) {
  return error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::wrong_key ||
         error.kind() == ErrorKind::not_found;
}

}  // namespace

void append_reach_entry(base::Bytes& text, const base::ChunkId& page,
                        const PageReferences& references) {
  append_key(text, page);
  text.push_back(static_cast<std::byte>(references.shape));
  if (references.shape == Shape::leaf) {
    base::put_varint(text, references.nodes.size());
    for (const auto& node : references.nodes) {
      HF_ASSERT(node.pages <= pages_mask, "a node names at most two pages");
      base::put_varint(text, std::uint64_t{node.contents} << pages_bits | node.pages);
    }
  } else if (references.shape == Shape::index) {
    base::put_varint(text, references.below.size());
    for (const auto below : references.below)
      base::put_varint(text, below);
  } else {
    if (references.shape == Shape::overlay) {
      append_key(text, *references.base);
      base::put_varint(text, references.superseded.size());
      append_places(text, references.superseded);
    }
    base::put_varint(text, references.pages.size());
    base::put_varint(text, references.contents.size());
  }
  for (const auto& id : references.pages)
    append_key(text, id);
  for (const auto& id : references.contents)
    append_key(text, id);
}

void parse_reach(base::ByteView text, const std::function<void(const ReachEntry&)>& visit) {
  base::ByteReader reader(text, "a reach object");
  while (reader.left() > 0) {
    ReachEntry entry;
    entry.page = key_of(reader.take_bytes(key_size));
    const auto shape = reader.take<std::uint8_t>();
    if (shape > static_cast<std::uint8_t>(Shape::overlay)) corrupt("a page has no known shape");
    entry.shape = static_cast<Shape>(shape);
    const auto counts = take_counts(reader, entry);
    take_keys(reader, counts.pages, entry.pages);
    take_keys(reader, counts.contents, entry.contents);
    visit(entry);
  }
}

void ReachRecorder::add(const base::ChunkId& page, const PageReferences& references) {
  const std::lock_guard lock(mutex_);
  append_reach_entry(pending_, page, references);
}

std::size_t ReachRecorder::pending_bytes() const {
  const std::lock_guard lock(mutex_);
  return pending_.size();
}

std::uint64_t ReachRecorder::flush() {
  base::Bytes text;
  {
    const std::lock_guard lock(mutex_);
    text.swap(pending_);
  }
  if (text.empty()) return 0;
  const auto name = std::string(reach_prefix) + random_.id<base::Hash>().hex();
  const auto object = seal_collection_object(reach_kind, name, text, repository_, keys_, random_);
  if (storage::put(backend_, name, object) != storage::PutOutcome::stored) {
    throw Error(ErrorKind::conflict, name + " exists, and its name is random");
  }
  return object.size();
}

void KeySet::add(std::uint64_t key) {
  added_.push_back(key);
  if (added_.size() >= key_batch_max) merge();
}

void KeySet::merge() {
  std::ranges::sort(added_);
  added_.erase(std::unique(added_.begin(), added_.end()), added_.end());
  const auto middle = static_cast<std::ptrdiff_t>(sorted_.size());
  std::vector<std::uint64_t> fresh;
  std::ranges::set_difference(added_, sorted_, std::back_inserter(fresh));
  added_.clear();
  if (fresh.empty()) return;
  sorted_.reserve(sorted_.size() + fresh.size());
  sorted_.insert(sorted_.end(), fresh.begin(), fresh.end());
  std::inplace_merge(sorted_.begin(), sorted_.begin() + middle, sorted_.end());
}

std::vector<std::uint64_t> KeySet::take() {
  merge();
  added_ = {};
  return std::move(sorted_);
}

void ReachGraph::add_node(const ReachEntry& entry) {
  Node node{.page = entry.page, .first_edge = edges_.size(), .first_place = places_.size()};
  node.shape = entry.shape;
  if (entry.shape == Shape::overlay) {
    edges_.push_back(entry.base);
    places_.insert(places_.end(), entry.superseded.begin(), entry.superseded.end());
  } else if (entry.shape == Shape::leaf) {
    for (std::uint32_t place = 0; place < entry.nodes.size(); ++place)
      places_.insert(places_.end(), entry.nodes[place].pages, place);
  } else if (entry.shape == Shape::index) {
    std::uint64_t place = 0;
    for (const auto below : entry.below) {
      places_.push_back(static_cast<std::uint32_t>(std::min<std::uint64_t>(place, UINT32_MAX)));
      place += std::min<std::uint64_t>(below, UINT32_MAX);
    }
  }
  edges_.insert(edges_.end(), entry.pages.begin(), entry.pages.end());
  node.edges = static_cast<std::uint32_t>(edges_.size() - node.first_edge);
  node.places = static_cast<std::uint32_t>(places_.size() - node.first_place);
  nodes_.push_back(node);
  sorted_ = false;
}

void ReachGraph::read_all(const std::function<void(base::ByteView text)>& parse,
                          const std::function<bool(const Error&)>& is_passed) {
  std::vector<std::string> read;
  const auto take = [&](const std::string& name, const storage::Fetch& fetch) {
    base::Bytes text;
    try {
      text = open_collection_object(reach_kind, name, fetch(), repository_, keys_);
    } catch (const Error& error) {
      if (!is_passed(error)) throw;
      return;
    }
    parse(text);
    read.push_back(name);
  };
  storage::get_many(backend_, names_, reach_object_size_max, take);
  names_ = std::move(read);
}

void ReachGraph::load() {
  names_.clear();
  nodes_.clear();
  edges_.clear();
  places_.clear();
  dead_.clear();
  backend_.list(std::string(reach_prefix),
                [&](const storage::ObjectInfo& object) { names_.push_back(object.name); });
  read_all(
      [&](base::ByteView text) {
        parse_reach(text, [&](const ReachEntry& entry) { add_node(entry); });
      },
      is_damage);
}

void ReachGraph::add(const base::ChunkId& page, const PageReferences& references) {
  base::Bytes text;
  append_reach_entry(text, page, references);
  parse_reach(text, [&](const ReachEntry& entry) { add_node(entry); });
  base::append(extra_, text);
}

void ReachGraph::sort() {
  if (sorted_) return;
  std::ranges::stable_sort(nodes_, {}, &Node::page);
  sorted_ = true;
}

/// The nodes of a page: one, or several where two pages share a key or two runs described it.
std::pair<std::size_t, std::size_t> ReachGraph::range_of(std::uint64_t page) const {
  const auto found = std::ranges::equal_range(nodes_, page, {}, &Node::page);
  return {static_cast<std::size_t>(found.begin() - nodes_.begin()),
          static_cast<std::size_t>(found.end() - nodes_.begin())};
}

std::vector<std::uint64_t> ReachGraph::mark(std::span<const std::uint64_t> roots) {
  sort();
  for (const auto root : roots)
    waiting_.push_back({root, {}});
  std::vector<std::uint64_t> missing;
  while (!waiting_.empty()) {
    const auto reached = std::move(waiting_.back());
    waiting_.pop_back();
    if (!visit(reached)) missing.push_back(reached.page);
  }
  std::ranges::sort(missing);
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  return missing;
}

/// False when nothing describes the page. Pages that share a key are reached together: each then
/// has the fewest dead nodes that any of them has, and what is kept is too much.
bool ReachGraph::visit(const Reached& reached) {
  const auto [begin, end] = range_of(reached.page);
  if (begin == end) return false;
  const bool first = !nodes_[begin].marked;
  Places revived;
  Places dead = reached.dead;
  if (!first) {
    const auto known = dead_.find(reached.page);
    if (known == dead_.end()) return true;
    dead.clear();
    std::ranges::set_intersection(known->second, reached.dead, std::back_inserter(dead));
    std::ranges::set_difference(known->second, dead, std::back_inserter(revived));
    if (revived.empty()) return true;
    dead_.erase(known);
  }
  for (auto i = begin; i < end; ++i) {
    nodes_[i].marked = true;
    follow(nodes_[i], dead, first ? nullptr : &revived);
  }
  if (!dead.empty()) dead_.emplace(reached.page, std::move(dead));
  return true;
}

/// Goes on to what the page needs, or, if it had been reached, to what `revived` nodes of it need.
void ReachGraph::follow(const Node& node, const Places& dead, const Places* revived) {
  const auto* const edges = edges_.data() + node.first_edge;
  const auto* const places = places_.data() + node.first_place;
  for (std::uint32_t i = 0; i < node.edges; ++i) {
    if (node.shape == Shape::leaf) {
      const bool wanted = revived ? std::ranges::binary_search(*revived, places[i])
                                  : !std::ranges::binary_search(dead, places[i]);
      if (wanted) waiting_.push_back({edges[i], {}});
    } else if (node.shape == Shape::index) {
      const auto from = places[i];
      const auto to = i + 1 < node.edges ? places[i + 1] : UINT32_MAX;
      if (revived && slice_of(*revived, from, to).empty()) continue;
      waiting_.push_back({edges[i], slice_of(dead, from, to)});
    } else if (!revived) {
      const bool is_base = node.shape == Shape::overlay && i == 0;
      waiting_.push_back({edges[i], is_base ? Places(places, places + node.places) : Places()});
    }
  }
}

bool ReachGraph::is_marked(std::uint64_t page) const {
  const auto [begin, end] = range_of(page);
  return begin < end && nodes_[begin].marked;
}

void ReachGraph::collect_contents(const ReachEntry& entry, KeySet& keys) const {
  const auto dead = dead_.find(entry.page);
  if (dead == dead_.end() || entry.shape != Shape::leaf) {
    for (const auto key : entry.contents)
      keys.add(key);
    return;
  }
  auto key = entry.contents.begin();
  for (std::uint32_t place = 0; place < entry.nodes.size(); ++place) {
    const bool is_dead = std::ranges::binary_search(dead->second, place);
    for (auto count = entry.nodes[place].contents; count > 0; --count, ++key) {
      if (!is_dead) keys.add(*key);
    }
  }
}

void ReachGraph::collect(KeySet& keys) {
  sort();
  for (const auto& node : nodes_) {
    if (node.marked) keys.add(node.page);
  }
  const auto collect_marked = [&](const ReachEntry& entry) {
    if (is_marked(entry.page)) collect_contents(entry, keys);
  };
  read_all([&](base::ByteView text) { parse_reach(text, collect_marked); },
           [](const Error&) { return false; });
  parse_reach(extra_, collect_marked);
}

}  // namespace holdfast::repository
