#include "tree_assembly.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "whole_tree.hpp"

#include <utility>

namespace holdfast::backup {

using SlotState = DirectoryFrame::SlotState;

std::uint64_t DirectoryFrame::cached_child(std::size_t slot) const {
  if (cached_root != nullptr) return cached_root->child;
  const auto& index = slots[slot].cached_index;
  return index ? cached->child(*index) : 0;
}

base::ByteView DirectoryFrame::cached_node(std::size_t slot) const {
  if (cached_root != nullptr) return cached_root->node;
  return cached->node(slots[slot].cached_index.value());
}

Fingerprint DirectoryFrame::cached_fingerprint(std::size_t slot) const {
  if (cached_root != nullptr) return cached_root->fingerprint;
  const auto& index = slots[slot].cached_index;
  return index ? cached->fingerprint(*index) : 0;
}

DirectoryFrame* TreeAssembly::open_top(const std::string& path, const sources::ListedEntry& root) {
  root_path_ = path;
  auto frame = std::make_unique<DirectoryFrame>();
  frame->seed = path_seed(path);
  frame->cached_root = run_.full ? nullptr : run_.cache.find_root(path);
  frame->slots.resize(1);
  frame->pending = 1;
  auto* top = frame.get();
  frames_.emplace(top, std::move(frame));
  begin_slot(*top, 0, root);
  return top;
}

DirectoryFrame* TreeAssembly::open_directory(DirectoryScan& scan, std::size_t entry_count) {
  auto frame = std::make_unique<DirectoryFrame>();
  frame->parent = scan.parent;
  frame->slot_in_parent = scan.slot;
  if (!scan.details_complete()) scan.parent->slots[scan.slot].fingerprint = 0;
  frame->listed = std::move(scan.listed);
  frame->has_details = scan.wants_details || scan.parent->parent == nullptr;
  frame->seed = path_seed(scan.path);
  if (!run_.full) frame->cached = run_.cache.directory(scan.cached);
  frame->slots.resize(entry_count);
  frame->pending = entry_count;
  auto* opened = frame.get();
  frames_.emplace(opened, std::move(frame));
  return opened;
}

void TreeAssembly::begin_slot(DirectoryFrame& frame, std::size_t slot,
                              const sources::ListedEntry& listed) {
  auto& place = frame.slots[slot];
  place.name = listed.entry.name;
  place.fingerprint = fingerprint_of(listed, frame.seed, run_.started);
  if (frame.cached) {
    place.cached_index = find_cached(frame, name_key(place.name));
    frame.cursor = place.cached_index ? *place.cached_index + 1 : frame.cursor;
  }
}

std::optional<std::uint32_t> TreeAssembly::find_cached(DirectoryFrame& frame,
                                                       std::uint64_t key) const {
  const auto& cached = *frame.cached;
  if (frame.cursor < cached.count() && cached.name_key(frame.cursor) == key)
    return static_cast<std::uint32_t>(frame.cursor);
  if (frame.by_name.empty())
    for (std::uint32_t i = 0; i < cached.count(); ++i)
      frame.by_name.emplace(cached.name_key(i), i);
  const auto found = frame.by_name.find(key);
  if (found == frame.by_name.end()) return std::nullopt;
  return found->second;
}

bool TreeAssembly::reuse(DirectoryFrame& frame, std::size_t slot,
                         const sources::ListedEntry& listed) {
  if (frame.parent != nullptr) begin_slot(frame, slot, listed);
  auto& place = frame.slots[slot];
  if (place.fingerprint == 0) return false;
  if (frame.cached_fingerprint(slot) == place.fingerprint) {
    place.state = SlotState::kept;
  } else if (!resume(place)) {
    return false;
  }
  --frame.pending;
  return true;
}

bool TreeAssembly::expect_directory(DirectoryFrame& frame, std::size_t slot,
                                    const sources::ListedEntry& listed) {
  begin_slot(frame, slot, listed);
  const auto& place = frame.slots[slot];
  return place.fingerprint != 0 && frame.cached_fingerprint(slot) == place.fingerprint;
}

// A journalled node: u32 number of chunks, their ids, then the node encoded without them, so that a
// machine that cannot read the repository can still resume.
bool TreeAssembly::resume(DirectoryFrame::Slot& slot) {
  if (run_.journal == nullptr || run_.full) return false;
  std::optional<base::Bytes> bytes;
  {
    const std::lock_guard lock(run_.journal_mutex);
    bytes = run_.journal->find(slot.fingerprint);
  }
  if (!bytes) return false;
  base::ByteReader reader(*bytes, "run journal");
  std::vector<base::ChunkId> chunks(reader.take<std::uint32_t>());
  for (auto& id : chunks) {
    id = base::ChunkId::from_bytes(reader.take_bytes(base::ChunkId::size));
    if (run_.context.session == nullptr || !run_.context.session->contains(id)) return false;
  }
  auto node = repository::decode_node_shallow(reader.take_bytes(reader.left()));
  node.chunks = std::move(chunks);
  slot.node = repository::encode_node(node, run_.metadata);
  slot.state = SlotState::fresh;
  return true;
}

void TreeAssembly::remember_for_resume(Fingerprint fingerprint, const repository::Node& node) {
  if (run_.journal == nullptr || fingerprint == 0 || node.entry.holes.size() > 64) return;
  base::Bytes bytes;
  base::put_le(bytes, static_cast<std::uint32_t>(node.chunks.size()));
  for (const auto& id : node.chunks)
    base::append(bytes, id.view());
  auto bare = node;
  bare.chunks.clear();
  base::append(bytes, repository::encode_node(bare, run_.metadata));
  const std::lock_guard lock(run_.journal_mutex);
  run_.journal->add_file(fingerprint, bytes);
}

void TreeAssembly::complete(PendingEntry& entry) {
  auto& frame = *entry.frame;
  auto& slot = frame.slots[entry.slot];
  slot.state = SlotState::dropped;
  try {
    if (entry.taken) put_in_slot(entry, frame.seed, slot);
  } catch (const base::Error& error) {
    // What no node can hold, attributes of many megabytes for one, is a problem of this entry.
    if (error.kind() != base::ErrorKind::invalid_input) throw;
    run_.problems.add({entry.path, error.kind(), error.what()});
  }
  --frame.pending;
  finish_if_done(&frame);
}

void TreeAssembly::remember(const PendingEntry& entry) {
  const bool is_file = entry.listed.entry.kind == sources::EntryKind::file;
  if (!entry.taken || !entry.complete || !is_file) return;
  repository::Node node;
  node.entry = entry.listed.entry;
  node.chunks = entry.chunks;
  remember_for_resume(fingerprint_of(entry.listed, entry.frame->seed, run_.started), node);
}

void TreeAssembly::put_in_slot(PendingEntry& entry, std::uint64_t seed,
                               DirectoryFrame::Slot& slot) {
  // What is incomplete is not remembered: the next run takes it again.
  slot.fingerprint = entry.complete ? fingerprint_of(entry.listed, seed, run_.started) : 0;
  repository::Node node;
  node.entry = std::move(entry.listed.entry);
  node.chunks = std::move(entry.chunks);
  slot.node = repository::encode_node(node, run_.metadata);
  slot.state = SlotState::fresh;
  if (node.entry.kind == sources::EntryKind::file) remember_for_resume(slot.fingerprint, node);
}

void TreeAssembly::finish_if_done(DirectoryFrame* frame) {
  while (frame != nullptr && frame->pending == 0) {
    auto* parent = frame->parent;
    parent == nullptr ? finish_top(*frame) : finish(*frame);
    frames_.erase(frame);
    frame = parent;
  }
}

void TreeAssembly::finish(DirectoryFrame& frame) {
  bool unchanged =
      !frame.must_encode && frame.cached && frame.cached->count() == frame.slots.size();
  for (const auto& slot : frame.slots)
    unchanged = unchanged && slot.state == SlotState::kept;
  if (unchanged) {
    std::vector<std::uint64_t> children;
    children.reserve(frame.slots.size());
    for (const auto& slot : frame.slots)
      children.push_back(slot.child);
    const auto record = run_.cache.keep_directory(*frame.cached, children);
    put_in_parent(frame, frame.cached->tree(), record, true);
    return;
  }
  std::vector<repository::EncodedNode> nodes;
  std::vector<CacheEntry> entries;
  for (std::size_t i = 0; i < frame.slots.size(); ++i) {
    const auto& slot = frame.slots[i];
    if (slot.state == SlotState::dropped) continue;
    const auto bytes =
        slot.state == SlotState::kept ? frame.cached_node(i) : base::ByteView(slot.node);
    nodes.push_back({slot.name, bytes});
    entries.push_back({slot.fingerprint, name_key(slot.name), slot.child, bytes});
  }
  const auto before = frame.cached ? whole_tree_of(*frame.cached) : std::nullopt;
  if (!before) {
    const auto tree = repository::write_encoded_tree(nodes, run_.metadata);
    put_in_parent(frame, tree, run_.cache.add_directory(tree, entries), false);
    return;
  }
  const auto written =
      repository::write_changed_tree(nodes, {before->id, before->nodes}, run_.metadata);
  const auto overlay =
      written.id == written.whole ? base::Bytes() : encode_way_back(nodes, *before);
  put_in_parent(frame, written.id, run_.cache.add_directory(written.id, entries, overlay), false);
}

void TreeAssembly::put_in_parent(DirectoryFrame& frame, const base::ChunkId& tree,
                                 std::uint64_t record, bool unchanged) {
  auto& parent = *frame.parent;
  auto& slot = parent.slots[frame.slot_in_parent];
  slot.child = record;
  --parent.pending;
  const bool same_entry =
      slot.fingerprint != 0 && parent.cached_fingerprint(frame.slot_in_parent) == slot.fingerprint;
  if (unchanged && same_entry) {
    slot.state = SlotState::kept;
    return;
  }
  repository::Node node;
  if (frame.has_details) {
    node.entry = std::move(frame.listed.entry);
  } else {
    node = repository::decode_node_shallow(parent.cached_node(frame.slot_in_parent));
  }
  node.tree = tree;
  slot.node = repository::encode_node(node, run_.metadata);
  slot.state = SlotState::fresh;
}

void TreeAssembly::finish_top(DirectoryFrame& frame) {
  const auto& slot = frame.slots.front();
  if (slot.state == SlotState::dropped)
    throw base::Error(base::ErrorKind::source_failed, "source " + root_path_ + " cannot be read");
  const auto bytes =
      slot.state == SlotState::kept ? frame.cached_node(0) : base::ByteView(slot.node);
  root_ = repository::decode_node_shallow(bytes);
  FileCache::Root root;
  root.fingerprint = slot.fingerprint;
  root.child = slot.child;
  root.node = base::copy_of(bytes);
  run_.cache.set_root(root_path_, std::move(root));
}

repository::Node TreeAssembly::take_root() {
  HF_ASSERT(root_.has_value(), "all directories came back");
  return std::move(*root_);
}

}  // namespace holdfast::backup
