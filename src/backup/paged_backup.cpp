#include "paged_backup.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "crypto/blake3.hpp"
#include "repository/paged_map.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

namespace holdfast::backup {
namespace {

using repository::BlockReference;

constexpr std::uint32_t block_size_min = 8 * 1024;
constexpr std::uint32_t superblock_first = 1024 * 1024;
constexpr std::uint32_t superblock_later = 256 * 1024;

bool is_zero(base::ByteView bytes) {
  return bytes[0] == std::byte{0} &&
         std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

/// Gathers changed blocks and gives map leaves back once all their superblocks have ids.
class MapBuilder {
public:
  MapBuilder(const RunState& run, PagedCache& cache, std::uint32_t block_size,
             std::uint32_t superblock_size)
      : run_(run),
        cache_(cache),
        block_size_(block_size),
        writer_(run.context),
        superblock_(superblock_size) {}

  void begin_leaf() { open_.emplace_back(); }

  /// A block that is as it was, or all zero.
  void keep(const BlockReference& block) { open_.back().blocks.push_back(block); }

  void add(base::ByteView block, std::uint64_t hash) {
    if (superblock_.room() < block_size_) close_superblock();
    auto& leaf = open_.back();
    BlockReference reference;
    reference.slot = static_cast<std::uint16_t>(superblock_.size() / block_size_);
    reference.hash = hash;
    leaf.waiting.push_back(leaf.blocks.size());
    leaf.blocks.push_back(reference);
    superblock_.append(block);
    if (block.size() < block_size_) close_superblock();  // the file's last, shorter one
  }

  /// `unchanged`: the parent's leaf holds as it is.
  void end_leaf(const PagedCache::Leaf* unchanged) {
    auto& leaf = open_.back();
    leaf.ended = true;
    if (unchanged != nullptr) leaf.known = unchanged->id;
    settle();
  }

  std::vector<base::ChunkId> finish() {
    close_superblock();
    writer_.flush();
    settle();
    return std::move(leaves_);
  }

private:
  struct Leaf {
    std::vector<BlockReference> blocks;
    std::vector<std::size_t> waiting;  // blocks whose superblock is open
    bool ended = false;
    std::optional<base::ChunkId> known;
  };

  void close_superblock() {
    if (superblock_.empty()) return;
    const auto id = writer_.put(superblock_.view());
    run_.counters.bytes_read += superblock_.size();
    superblock_.clear();
    for (auto& leaf : open_) {
      for (const auto which : leaf.waiting)
        leaf.blocks[which].superblock = id;
      leaf.waiting.clear();
    }
  }

  void settle() {
    while (!open_.empty() && open_.front().ended && open_.front().waiting.empty()) {
      const auto& leaf = open_.front();
      const auto encoded = repository::encode_map_page(leaf.blocks);
      leaves_.push_back(leaf.known ? *leaf.known : run_.metadata.store(encoded));
      cache_.add_leaf(leaves_.back(), encoded);
      open_.pop_front();
    }
  }

  const RunState& run_;
  PagedCache& cache_;
  const std::uint32_t block_size_;
  ChunkWriter writer_;
  base::Buffer superblock_;
  std::deque<Leaf> open_;
  std::vector<base::ChunkId> leaves_;
};

class PagedBackup {
public:
  PagedBackup(sources::PagedSource& source, const RunState& run, PagedCache& cache,
              std::uint32_t block_size, bool has_parent)
      : source_(source),
        run_(run),
        cache_(cache),
        block_size_(block_size),
        builder_(run, cache, block_size, has_parent ? superblock_later : superblock_first),
        buffer_(std::size_t{block_size} * repository::blocks_per_map_page),
        size_(source.page_count() * source.page_size()) {
    std::memcpy(hash_key_.data(), run.context.repository.keys().chunk_id_key.view().data(),
                hash_key_.size());
  }

  repository::PagedContent take() {
    crypto::Blake3 whole;
    const std::uint64_t leaf_size = buffer_.capacity();
    for (std::uint64_t begin = 0, number = 0; begin < size_; begin += leaf_size, ++number) {
      base::check_cancelled(run_.pool.token());
      buffer_.set_size(std::min(leaf_size, size_ - begin));
      source_.read_pages(begin / source_.page_size(), buffer_.all().first(buffer_.size()));
      whole.update(buffer_.view());
      take_leaf(number);
      run_.counters.bytes += buffer_.size();
      run_.report(source_.path());
    }
    repository::PagedContent content;
    content.map_root = repository::write_map(builder_.finish(), run_.metadata);
    content.page_size = source_.page_size();
    content.block_size = block_size_;
    content.size = size_;
    content.file_hash = whole.finish();
    return content;
  }

private:
  void take_leaf(std::uint64_t number) {
    const auto parent = cache_.leaf(number);
    const auto bytes = buffer_.view();
    const auto count = (bytes.size() + block_size_ - 1) / block_size_;
    bool unchanged = parent && parent->blocks.size() == count;
    builder_.begin_leaf();
    for (std::size_t i = 0; i < count; ++i) {
      const auto at = i * block_size_;
      const auto block = bytes.subspan(at, std::min<std::size_t>(block_size_, bytes.size() - at));
      const auto hash = crypto::blake3_keyed(hash_key_, block).prefix64();
      if (parent && i < parent->blocks.size() && parent->blocks[i].hash == hash) {
        builder_.keep(parent->blocks[i]);
        continue;
      }
      unchanged = false;
      if (is_zero(block)) {
        builder_.keep({{}, 0, true, hash});
      } else {
        builder_.add(block, hash);
      }
    }
    builder_.end_leaf(unchanged ? &*parent : nullptr);
  }

  sources::PagedSource& source_;
  const RunState& run_;
  PagedCache& cache_;
  const std::uint32_t block_size_;
  MapBuilder builder_;
  base::Buffer buffer_;
  const std::uint64_t size_;
  crypto::Blake3Key hash_key_{};
};

}  // namespace

PagedResult back_up_pages(sources::PagedSource& source, const std::string& site,
                          const RunState& run, const std::optional<base::SnapshotId>& parent,
                          repository::SnapshotItem& item) {
  PagedResult result{
      PagedCache(run.context.repository.cache_directory(), site + '\0' + source.path()),
      std::max(2 * source.page_size(), block_size_min)};
  const auto* known = parent && !run.full ? run.cache.find_root(source.path()) : nullptr;
  if (known != nullptr) result.cache.open(*parent, result.block_size);
  const bool has_parent = result.cache.leaf_count() > 0;
  const auto token = source.change_token();

  item.path = source.path();
  item.ancestors = source.ancestors();
  item.stamp = source.stamp();
  item.root.entry = source.root(run.problem_sink()).entry;
  ++run.counters.files;
  if (has_parent && !token.empty() && known->token == token) {
    item.root.paged = repository::decode_node_shallow(known->node).paged;
    result.cache.keep_all();
    run.counters.bytes += item.root.entry.size;
  } else {
    ++run.counters.files_new;
    item.root.paged = PagedBackup(source, run, result.cache, result.block_size, has_parent).take();
  }
  source.release();
  run.cache.set_root(source.path(),
                     {0, 0, repository::encode_node(item.root, run.metadata), token});
  return result;
}

void back_up_stream(sources::StreamSource& source, const RunState& run,
                    repository::SnapshotItem& item) {
  item.path = source.path();
  item.stamp.engine = "stream";
  auto& entry = item.root.entry;
  entry.name = item.path.substr(item.path.rfind('/') + 1);
  entry.kind = sources::EntryKind::file;
  entry.mode = 0600;
  entry.mtime_seconds = run.started.seconds;
  entry.mtime_nanoseconds = run.started.nanoseconds;
  ++run.counters.files;
  ++run.counters.files_new;

  ChunkWriter writer(run.context);
  pipeline::StreamChunker chunker(run.context.stream_gear);
  const auto take = [&](base::ByteView chunk) {
    item.root.chunks.push_back(writer.put_stream(chunk));
  };
  for (;;) {
    base::check_cancelled(run.pool.token());
    const auto count = source.read(chunker.space(), run.pool.token());
    if (count == 0) break;
    chunker.added(count);
    entry.size += count;
    run.counters.bytes += count;
    run.counters.bytes_read += count;
    for (auto chunk = chunker.next(); !chunk.empty(); chunk = chunker.next())
      take(chunk);
    run.report(item.path);
  }
  if (const auto last = chunker.rest(); !last.empty()) take(last);
  source.finish();
  writer.flush();
  repository::detach_lists(item.root, run.metadata);
}

}  // namespace holdfast::backup
