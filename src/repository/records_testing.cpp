#include "records_testing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace holdfast::repository {

namespace {

using rc::gen::arbitrary;
using rc::gen::inRange;
using sources::EntryKind;

std::string some_bytes(std::size_t size_max) {
  const auto size = *inRange<std::size_t>(0, size_max + 1);
  return *rc::gen::container<std::string>(size, arbitrary<char>());
}

std::string without_nul(std::string text, bool keep_slash) {
  std::erase_if(text, [&](char c) { return c == '\0' || (c == '/' && !keep_slash); });
  return text;
}

std::string some_name() {
  auto name = without_nul(some_bytes(20), false);
  return name.empty() || name == "." || name == ".." ? "x" + name : name;
}

template <class Id>
Id some_id() {
  return numbered_id<Id>(*arbitrary<std::uint64_t>());
}

std::vector<sources::Hole> some_holes(std::uint64_t& size) {
  std::vector<sources::Hole> holes;
  std::uint64_t at = 0;
  const auto count = *rc::gen::element<std::size_t>(0, 0, 1, 3, 64, 65, 200);
  for (std::size_t i = 0; i < count; ++i) {
    const auto gap = *inRange<std::uint64_t>(0, 1 << 20);
    const auto length = *inRange<std::uint64_t>(1, 1 << 30);
    holes.push_back({at + gap, length});
    at += gap + length;
  }
  size = at + *inRange<std::uint64_t>(0, 1000);
  return holes;
}

void fill_file(Node& node) {
  if (*inRange(0, 6) == 0) {
    node.paged = PagedContent{some_id<base::ChunkId>(), 4096, 8192, *arbitrary<std::uint32_t>(),
                              some_id<base::Hash>()};
    node.entry.size = node.paged->size;
    return;
  }
  node.entry.holes = some_holes(node.entry.size);
  const auto count = *rc::gen::element<std::size_t>(0, 1, 2, 64, 65, 700);
  for (std::size_t i = 0; i < count; ++i)
    node.chunks.push_back(some_id<base::ChunkId>());
}

void fill_attributes(sources::Entry& entry) {
  std::map<std::string, base::Bytes> attributes;
  const auto count = *inRange(0, 3);
  for (int i = 0; i < count; ++i) {
    attributes["user." + without_nul(some_bytes(5), true)] =
        base::copy_of(base::as_bytes(some_bytes(40)));
  }
  for (auto& [name, value] : attributes)
    entry.attributes.push_back({name, value});
}

Node some_node() {
  Node node;
  auto& entry = node.entry;
  entry.name = some_name();
  entry.kind = static_cast<EntryKind>(*inRange(1, 8));
  entry.mode = *inRange<std::uint32_t>(0, 010000);
  entry.user_id = *arbitrary<std::uint32_t>();
  entry.group_id = *arbitrary<std::uint32_t>();
  entry.user_name = some_bytes(8);
  entry.group_name = some_bytes(8);
  entry.mtime_seconds = *arbitrary<std::int64_t>();
  entry.mtime_nanoseconds = *inRange<std::uint32_t>(0, 1'000'000'000);
  fill_attributes(entry);
  if (entry.kind != EntryKind::directory) entry.hard_link = *arbitrary<std::uint16_t>();
  switch (entry.kind) {
    case EntryKind::file:
      fill_file(node);
      break;
    case EntryKind::directory:
      node.tree = some_id<base::ChunkId>();
      break;
    case EntryKind::symlink:
      entry.link_target = "t" + without_nul(some_bytes(30), true);
      break;
    case EntryKind::block_device:
    case EntryKind::char_device:
      entry.device = *arbitrary<std::uint64_t>();
      break;
    default:
      break;
  }
  return node;
}

base::WallTime some_time() {
  return {*arbitrary<std::int64_t>(), *inRange<std::uint32_t>(0, 1'000'000'000)};
}

std::vector<std::string> some_texts(std::size_t count_max) {
  std::vector<std::string> texts(*inRange<std::size_t>(0, count_max + 1));
  for (auto& text : texts)
    text = some_bytes(12);
  return texts;
}

crypto::PublicKey some_key() {
  crypto::PublicKey key;
  std::ranges::copy(some_id<base::Hash>().view(), key.begin());
  key[31] = std::byte{1};
  return key;
}

std::optional<Certificate> some_certificate() {
  if (*arbitrary<bool>()) return std::nullopt;
  Certificate certificate{Role::writer, some_key(), some_key(), {}};
  certificate.signature.fill(std::byte{5});
  return certificate;
}

SnapshotItem some_item() {
  SnapshotItem item;
  item.kind = static_cast<ItemKind>(*inRange(1, 5));
  item.root = some_node();
  const auto depth = *inRange(0, 4);
  for (int i = 0; i < depth; ++i) {
    sources::Entry ancestor;
    ancestor.kind = EntryKind::directory;
    ancestor.name = some_name();
    item.path += "/" + ancestor.name;
    item.ancestors.push_back(ancestor);
  }
  item.path += "/" + item.root.entry.name;
  item.stamp.engine = some_bytes(6);
  for (const auto& text : some_texts(3))
    item.stamp.values.emplace_back(text, some_bytes(5));
  return item;
}

SnapshotStatistics some_statistics() {
  const auto number = [] { return *arbitrary<std::uint64_t>(); };
  return {number(), number(), number(), number(), number(), number(), number(), number(), number()};
}

Snapshot some_snapshot() {
  Snapshot snapshot;
  snapshot.site = some_bytes(10);
  snapshot.host = some_bytes(10);
  snapshot.kind = static_cast<SnapshotKind>(*inRange(1, 5));
  snapshot.started = some_time();
  snapshot.finished = some_time();
  snapshot.items.resize(*inRange<std::size_t>(0, 4));
  for (auto& item : snapshot.items)
    item = some_item();
  if (*arbitrary<bool>()) snapshot.parent = some_id<base::SnapshotId>();
  snapshot.statistics = some_statistics();
  for (const auto& path : some_texts(3)) {
    snapshot.problems.push_back({path, base::ErrorKind::access_denied, some_bytes(20)});
  }
  snapshot.tags = some_texts(3);
  snapshot.tool_version = some_bytes(8);
  snapshot.hold = some_bytes(8);
  if (*arbitrary<bool>())
    snapshot.locked_until = base::WallTime{*inRange<std::int64_t>(1, 1 << 30), 7};
  snapshot.writer = some_key();
  snapshot.sequence = *arbitrary<std::uint64_t>();
  snapshot.previous = some_id<base::Hash>();
  snapshot.certificate = some_certificate();
  return snapshot;
}

}  // namespace

rc::Gen<Node> any_node() { return rc::gen::exec(some_node); }
rc::Gen<std::string> any_name() { return rc::gen::exec(some_name); }
rc::Gen<Snapshot> any_snapshot() { return rc::gen::exec(some_snapshot); }

rc::Gen<std::vector<Node>> any_directory() {
  return rc::gen::exec([] {
    std::map<std::string, Node> nodes;
    const auto count = *rc::gen::element(0, 1, 5, 24, 25, 60, 300);
    for (int i = 0; i < count; ++i) {
      // Shrinking three hundred random nodes takes minutes: most differ by their names alone.
      auto node = i < 5 ? some_node() : file_node("", 5, 1);
      node.entry.name = i < 5 ? node.entry.name : *any_name() + std::to_string(i);
      nodes[node.entry.name] = node;
    }
    std::vector<Node> sorted;
    for (auto& [name, node] : nodes)
      sorted.push_back(std::move(node));
    return sorted;
  });
}

rc::Gen<Deletion> any_deletion() {
  return rc::gen::exec([] {
    Deletion deletion;
    deletion.deleted.resize(*inRange<std::size_t>(0, 4));
    for (auto& deleted : deletion.deleted) {
      deleted = {some_id<base::SnapshotId>(), some_key(), *arbitrary<std::uint64_t>()};
    }
    deletion.time = some_time();
    deletion.reason = some_bytes(20);
    deletion.writer = some_key();
    deletion.sequence = *arbitrary<std::uint64_t>();
    deletion.previous = some_id<base::Hash>();
    deletion.certificate = some_certificate();
    return deletion;
  });
}

rc::Gen<std::vector<BlockReference>> any_blocks() {
  return rc::gen::exec([] {
    std::vector<BlockReference> blocks(*rc::gen::element<std::size_t>(1, 2, 100, 512));
    for (auto& block : blocks) {
      block.hash = *arbitrary<std::uint64_t>();
      block.zero = *inRange(0, 4) == 0;
      if (block.zero) continue;
      block.superblock = numbered_id<base::ChunkId>(*inRange<std::uint64_t>(0, 6));
      block.slot = *arbitrary<std::uint16_t>();
    }
    return blocks;
  });
}

Node file_node(const std::string& name, std::uint64_t size, std::size_t chunks) {
  Node node;
  node.entry.name = name;
  node.entry.mode = 0644;
  node.entry.user_name = "root";
  node.entry.group_name = "root";
  node.entry.mtime_seconds = 1'700'000'000;
  node.entry.size = size;
  for (std::size_t i = 0; i < chunks; ++i) {
    node.chunks.push_back(numbered_id<base::ChunkId>(std::hash<std::string>{}(name) + i * 977));
  }
  return node;
}

Node golden_node() {
  Node node;
  node.entry.name = "photo.jpg";
  node.entry.mode = 0640;
  node.entry.user_id = 1000;
  node.entry.group_id = 33;
  node.entry.user_name = "ada";
  node.entry.group_name = "www-data";
  node.entry.mtime_seconds = -2;
  node.entry.mtime_nanoseconds = 123'456'789;
  node.entry.size = 1'000'000;
  node.entry.hard_link = 7;
  node.entry.attributes = {{"user.note", base::copy_of(base::as_bytes("hello"))}};
  node.entry.holes = {{4096, 8192}, {65536, 4096}};
  node.chunks = {numbered_id<base::ChunkId>(1), numbered_id<base::ChunkId>(2)};
  return node;
}

Snapshot golden_snapshot() {
  Snapshot snapshot;
  snapshot.site = "blog";
  snapshot.host = "web1";
  snapshot.kind = SnapshotKind::incremental;
  snapshot.started = {1'763'700'000, 5};
  snapshot.finished = {1'763'700'060, 0};
  SnapshotItem item;
  item.kind = ItemKind::files;
  item.path = "/srv/photo.jpg";
  item.root = golden_node();
  sources::Entry srv;
  srv.name = "srv";
  srv.kind = sources::EntryKind::directory;
  srv.mode = 0755;
  item.ancestors = {srv};
  item.stamp = {"files", {{"walk", "1"}}};
  snapshot.items = {item};
  snapshot.parent = numbered_id<base::SnapshotId>(3);
  snapshot.statistics = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  snapshot.problems = {{"/srv/secret", base::ErrorKind::access_denied, "permission denied"}};
  snapshot.tags = {"nightly", ""};
  snapshot.tool_version = "0.1.0";
  snapshot.hold = "audit";
  snapshot.locked_until = base::WallTime{1'800'000'000, 0};
  snapshot.writer.fill(std::byte{0x77});
  snapshot.sequence = 12;
  snapshot.previous = numbered_id<base::Hash>(4);
  return snapshot;
}

Deletion golden_deletion() {
  Deletion deletion;
  deletion.deleted = {{numbered_id<base::SnapshotId>(5), {}, 0}};
  deletion.deleted.front().writer.fill(std::byte{0x77});
  deletion.deleted.front().sequence = 11;
  deletion.time = {1'763'800'000, 0};
  deletion.reason = "keep 30 days";
  deletion.writer.fill(std::byte{0x77});
  deletion.sequence = 13;
  deletion.previous = numbered_id<base::Hash>(6);
  return deletion;
}

base::ErrorKind kind_of_failure(const std::function<void()>& work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

namespace {

void decode_safely(base::ByteView bytes, const std::function<void(base::ByteView)>& decode) {
  try {
    decode(bytes);
  } catch (const base::Error& error) {
    const auto kind = error.kind();
    EXPECT_TRUE(kind == base::ErrorKind::corrupt || kind == base::ErrorKind::unsupported ||
                kind == base::ErrorKind::not_found)
        << error.what();
  }
}

}  // namespace

void attack(base::ByteView bytes, const std::function<void(base::ByteView)>& decode) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    // A copy of its own, so that the sanitizer sees a read past the end.
    decode_safely(base::copy_of(bytes.first(size)), decode);
  }
  auto changed = base::copy_of(bytes);
  for (auto& byte : changed) {
    for (int bit = 0; bit < 8; ++bit) {
      byte ^= static_cast<std::byte>(1 << bit);
      decode_safely(changed, decode);
      byte ^= static_cast<std::byte>(1 << bit);
    }
  }
}

}  // namespace holdfast::repository
