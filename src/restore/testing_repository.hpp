// Snapshots of any shape, also such as no backup would make, in a repository in memory.
#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "base/temporary_directory.hpp"
#include "crypto/blake3.hpp"
#include "crypto/keys.hpp"
#include "repository/paged_map.hpp"
#include "repository/repository.hpp"
#include "repository/tree.hpp"
#include "repository/write_session.hpp"
#include "storage/memory/memory_backend.hpp"
#include "storage/wrappers/faulty_backend.hpp"

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::restore {

class TestingRepository {
public:
  using Nodes = std::vector<repository::Node>;

  TestingRepository() {
    crypto::initialise();
    backend_ = storage::open_memory();
    faulty_ = storage::with_faults(
        *backend_, {}, [this](const std::string& name, std::uint64_t offset, base::MutableBytes b) {
          if (tamper) tamper(name, offset, b);
        });
    repository::CreateOptions options;
    options.cost = {1, 8192};
    repository_ = repository::Repository::create(*faulty_, base::Secret(base::as_bytes("secret")),
                                                 options, {clock_, random_, cache_.path()});
    begin();
  }

  /// Changes what is read from the store, when set.
  storage::ReadTamper tamper;
  /// Content is cut into chunks of this size.
  std::size_t chunk_size = 100'000;
  /// Segments of data hold about this much.
  std::size_t segment_size = 256 * 1024;

  repository::Repository& get() { return *repository_; }
  /// Whoever restores keeps what it learns in a cache of its own.
  void give_cache_to(uid_t user) {
    std::vector<std::filesystem::path> paths = {cache_.path()};
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cache_.path()))
      paths.push_back(entry.path());
    for (const auto& path : paths) {
      if (::lchown(path.c_str(), user, user) != 0) throw std::runtime_error("cannot give away");
    }
  }

  static sources::Entry entry(const std::string& name, sources::EntryKind kind,
                              std::uint32_t mode) {
    sources::Entry made;
    made.name = name;
    made.kind = kind;
    made.mode = mode;
    made.mtime_seconds = 1'600'000'000;
    made.mtime_nanoseconds = 123'456'789;
    return made;
  }
  /// `content` without the holes, which are added with their offsets in the file.
  repository::Node file(const std::string& name, const std::string& content,
                        std::vector<sources::Hole> holes = {}) {
    repository::Node node;
    node.entry = entry(name, sources::EntryKind::file, 0644);
    node.entry.size = content.size();
    for (const auto& hole : holes)
      node.entry.size += hole.length;
    node.entry.holes = std::move(holes);
    for (std::size_t at = 0; at < content.size(); at += chunk_size)
      node.chunks.push_back(store(content.substr(at, chunk_size)));
    return node;
  }
  repository::Node directory(const std::string& name, Nodes nodes, std::uint32_t mode = 0755) {
    std::sort(nodes.begin(), nodes.end(),
              [](const auto& a, const auto& b) { return a.entry.name < b.entry.name; });
    repository::Node node;
    node.entry = entry(name, sources::EntryKind::directory, mode);
    node.tree = repository::write_tree(nodes, *metadata_);
    return node;
  }
  static repository::Node symlink(const std::string& name, const std::string& target) {
    repository::Node node;
    node.entry = entry(name, sources::EntryKind::symlink, 0777);
    node.entry.link_target = target;
    return node;
  }
  static repository::Node special(const std::string& name, sources::EntryKind kind,
                                  std::uint64_t device = 0) {
    repository::Node node;
    node.entry = entry(name, kind, 0640);
    node.entry.device = device;
    return node;
  }
  /// A database file of `content`, in blocks of `block_size`, four to a superblock.
  repository::Node paged(const std::string& name, const std::string& content,
                         std::uint32_t block_size) {
    repository::Node node;
    node.entry = entry(name, sources::EntryKind::file, 0644);
    node.entry.size = content.size();
    std::vector<base::ChunkId> leaves;
    std::vector<repository::BlockReference> blocks;
    const std::size_t superblock_size = 4 * std::size_t{block_size};
    for (std::size_t at = 0; at < content.size(); at += superblock_size) {
      const auto superblock = content.substr(at, superblock_size);
      const auto id = store(superblock);
      for (std::size_t slot = 0; slot * block_size < superblock.size(); ++slot) {
        const auto block = superblock.substr(slot * block_size, block_size);
        const bool zero = block.find_first_not_of('\0') == std::string::npos;
        blocks.push_back({zero ? base::ChunkId{} : id, static_cast<std::uint16_t>(zero ? 0 : slot),
                          zero, zero ? 0 : at + 1});
        if (blocks.size() < repository::blocks_per_map_page) continue;
        leaves.push_back(metadata_->store(repository::encode_map_page(blocks)));
        blocks.clear();
      }
    }
    if (!blocks.empty()) leaves.push_back(metadata_->store(repository::encode_map_page(blocks)));
    node.paged = {repository::write_map(leaves, *metadata_), block_size, block_size, content.size(),
                  crypto::blake3(base::as_bytes(content))};
    return node;
  }

  repository::ChunkSink& metadata() { return *metadata_; }
  base::ChunkId store(const std::string& chunk) {
    const auto bytes = base::as_bytes(chunk);
    const auto id = repository_->keys().chunk_id(bytes);
    if (!session_->claim(id)) return id;
    if (!segment_->empty() && (segment_->should_seal_before(bytes.size()))) seal();
    segment_->add(id, bytes);
    return id;
  }

  static repository::SnapshotItem item(const std::string& path, repository::Node root,
                                       repository::ItemKind kind = repository::ItemKind::files) {
    repository::SnapshotItem made;
    made.kind = kind;
    made.path = path;
    root.entry.name = path.substr(path.rfind('/') + 1);
    made.root = std::move(root);
    return made;
  }
  /// Stores everything made since the last commit.
  repository::Snapshot commit(std::vector<repository::SnapshotItem> items,
                              const std::function<void(repository::Snapshot&)>& change = {}) {
    for (auto& one : items)
      repository::detach_lists(one.root, *metadata_);
    seal();
    metadata_->flush();
    session_->finish();
    repository::Snapshot snapshot;
    snapshot.site = "site";
    snapshot.host = "host";
    snapshot.items = std::move(items);
    if (change) change(snapshot);
    repository_->snapshots().commit(snapshot);
    repository_->index().refresh();
    begin();
    return snapshot;
  }

private:
  void begin() {
    metadata_.reset();
    session_ = std::make_unique<repository::WriteSession>(*repository_, repository::WriteOptions{});
    metadata_ = std::make_unique<repository::MetadataWriter>(*session_, repository_->keys(), 3);
    segment_ = std::make_unique<pipeline::SegmentBuilder>(segment_size);
  }
  void seal() {
    if (!segment_->empty()) session_->store(pipeline::PackKind::data, *segment_, codec_);
  }

  base::TemporaryDirectory cache_;
  base::SystemClock clock_;
  base::SeededRandom random_{1};
  std::unique_ptr<storage::Backend> backend_;
  std::unique_ptr<storage::Backend> faulty_;
  std::unique_ptr<repository::Repository> repository_;
  pipeline::SegmentCodec codec_;
  std::unique_ptr<repository::WriteSession> session_;
  std::unique_ptr<repository::MetadataWriter> metadata_;
  std::unique_ptr<pipeline::SegmentBuilder> segment_;
};

}  // namespace holdfast::restore
