#include "reach.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "collection_object.hpp"

#include <algorithm>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t key_size = 8;
constexpr std::size_t key_batch_max = 2UL * 1024 * 1024;

template <class Id>
void append_key(base::Bytes& text, const Id& id) {
  base::append(text, id.view().first(key_size));
}

void take_keys(base::ByteReader& reader, std::uint64_t count, std::vector<std::uint64_t>& keys) {
  if (count > reader.left() / key_size) {
    throw Error(ErrorKind::corrupt, "a reach object is damaged: it names more than it holds");
  }
  const auto bytes = reader.take_bytes(count * key_size);
  keys.clear();
  for (std::size_t at = 0; at < bytes.size(); at += key_size)
    keys.push_back(key_of(bytes.subspan(at, key_size)));
}

bool is_damage(const Error& error) {
  return error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::wrong_key ||
         error.kind() == ErrorKind::not_found;
}

}  // namespace

void append_reach_entry(base::Bytes& text, const base::ChunkId& page,
                        const PageReferences& references) {
  append_key(text, page);
  base::put_varint(text, references.pages.size());
  base::put_varint(text, references.contents.size());
  for (const auto& id : references.pages)
    append_key(text, id);
  for (const auto& id : references.contents)
    append_key(text, id);
}

void parse_reach(base::ByteView text, const std::function<void(const ReachEntry&)>& visit) {
  base::ByteReader reader(text, "a reach object");
  std::vector<std::uint64_t> pages;
  std::vector<std::uint64_t> contents;
  while (reader.left() > 0) {
    ReachEntry entry;
    entry.page = key_of(reader.take_bytes(key_size));
    const auto page_count = reader.take_varint();
    const auto content_count = reader.take_varint();
    take_keys(reader, page_count, pages);
    take_keys(reader, content_count, contents);
    entry.pages = pages;
    entry.contents = contents;
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

base::Bytes ReachGraph::read(const std::string& name) const {
  const auto object = storage::get(backend_, name, reach_object_size_max);
  return open_collection_object(reach_kind, name, object, repository_, keys_);
}

void ReachGraph::add_node(const ReachEntry& entry) {
  nodes_.push_back(
      {entry.page, edges_.size(), static_cast<std::uint32_t>(entry.pages.size()), false});
  edges_.insert(edges_.end(), entry.pages.begin(), entry.pages.end());
  sorted_ = false;
}

void ReachGraph::load() {
  names_.clear();
  nodes_.clear();
  edges_.clear();
  backend_.list(std::string(reach_prefix),
                [&](const storage::ObjectInfo& object) { names_.push_back(object.name); });
  // What a damaged object described is found to be missing when it is reached.
  std::erase_if(names_, [&](const std::string& name) {
    base::Bytes text;
    try {
      text = read(name);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      return true;
    }
    parse_reach(text, [&](const ReachEntry& entry) { add_node(entry); });
    return false;
  });
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
  std::vector<std::uint64_t> waiting(roots.begin(), roots.end());
  std::vector<std::uint64_t> missing;
  while (!waiting.empty()) {
    const auto page = waiting.back();
    waiting.pop_back();
    const auto [begin, end] = range_of(page);
    if (begin == end) missing.push_back(page);
    for (auto i = begin; i < end; ++i) {
      auto& node = nodes_[i];
      if (node.marked) continue;
      node.marked = true;
      const auto first = edges_.begin() + static_cast<std::ptrdiff_t>(node.first_edge);
      waiting.insert(waiting.end(), first, first + node.edges);
    }
  }
  std::ranges::sort(missing);
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  return missing;
}

bool ReachGraph::is_marked(std::uint64_t page) const {
  const auto [begin, end] = range_of(page);
  return begin < end && nodes_[begin].marked;
}

void ReachGraph::collect(KeySet& keys) {
  sort();
  for (const auto& node : nodes_) {
    if (node.marked) keys.add(node.page);
  }
  const auto collect_marked = [&](const ReachEntry& entry) {
    if (!is_marked(entry.page)) return;
    for (const auto key : entry.contents)
      keys.add(key);
  };
  for (const auto& name : names_)
    parse_reach(read(name), collect_marked);
  parse_reach(extra_, collect_marked);
}

}  // namespace holdfast::repository
