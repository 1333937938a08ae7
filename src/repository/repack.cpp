#include "repack.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "repository/segment_reader.hpp"
#include "repository/write_session.hpp"
#include "stored_pack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <utility>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

namespace {

/// Data packs that are open at a time: threads that append to one wait for each other.
constexpr unsigned open_packs_max = 3;

/// Copies what is needed of some packs, on several threads.
class Repacker {
public:
  Repacker(Repository& repository, const RepositoryUse& use, const PruneOptions& options,
           unsigned threads);

  /// Returns those of `packs` of which all that is needed was copied; it can be found by others
  /// when this returns.
  std::vector<base::PackId> move(const std::vector<PrunePack>& packs,
                                 base::ProgressObserver& progress, const std::stop_token& stopping);
  std::uint64_t bytes_written() const { return session_.statistics().bytes_stored; }

private:
  friend class PackMover;
  static WriteOptions session_options(const PruneOptions& options, unsigned threads) {
    WriteOptions chosen;
    chosen.compression_level = options.compression_level;
    chosen.pack_size_target = options.pack_size_target;
    chosen.open_packs_max = std::min(threads, open_packs_max);
    chosen.purpose = "prune";
    chosen.renews_by_thread = options.renews_by_thread;
    return chosen;
  }
  void number_packs();
  base::Progress note(const PrunePack& pack, bool moved);
  void work(const std::vector<PrunePack>& packs, base::ProgressObserver& progress,
            const std::stop_token& stopping);

  Repository& repository_;
  const RepositoryUse& use_;
  const unsigned threads_;
  const int compression_level_;
  WriteSession session_;
  const pipeline::PackWriteKeys keys_;
  std::map<base::PackId, std::uint32_t> numbers_;
  std::atomic<std::size_t> next_ = 0;  // of the packs that are to be moved
  std::mutex mutex_;                   // guards what follows
  std::vector<base::PackId> emptied_;
  base::Progress done_;
};

/// A segment that has chunks which are needed.
struct NeededSegment {
  SegmentLocation location;
  std::vector<const pipeline::ChunkInSegment*> chunks;  // which are needed, of the directory
  std::size_t chunk_count = 0;                          // of all
};

/// Copies what is needed of one pack after the other, for one thread.
class PackMover {
public:
  explicit PackMover(Repacker& all)
      : all_(all), reader_(all.repository_), codec_(all.compression_level_) {}

  /// False when the pack is damaged. What was copied before that was found is of use, and the pack
  /// stays.
  bool move(const PrunePack& pack);
  void flush() {
    if (!segment_.empty()) all_.session_.store(kind_, segment_, codec_);
  }

private:
  void copy_needed(const PrunePack& pack);
  void copy_whole(const std::vector<NeededSegment>& segments);
  /// Reads nothing but the chunks: half of the bytes where half is needed. Returns those that were
  /// damaged, each with its segment, which may be whole elsewhere.
  std::vector<NeededSegment> copy_parts(const std::vector<NeededSegment>& segments);
  bool is_needed(const pipeline::ChunkInSegment& chunk, const PrunePack& pack) const {
    return all_.use_.is_needed_from(chunk.id, pack.id);
  }
  /// `content` is what `id` says.
  void take(const base::ChunkId& id, base::ByteView content);

  Repacker& all_;
  SegmentReader reader_;
  pipeline::SegmentCodec codec_;
  pipeline::SegmentBuilder segment_;
  pipeline::PackKind kind_ = pipeline::PackKind::data;
};

bool PackMover::move(const PrunePack& pack) {
  if (!all_.numbers_.contains(pack.id)) return false;
  if (pack.kind != kind_) flush();
  kind_ = pack.kind;
  try {
    copy_needed(pack);
    return true;
  } catch (const Error& error) {
    const bool is_damage =
        error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::not_found;
    if (!is_damage || all_.session_.failed()) throw;
    return false;
  }
}

void PackMover::copy_needed(const PrunePack& pack) {
  auto& backend = all_.repository_.backend();
  const auto header = read_pack_header(backend, pack.id);
  const auto trailer = read_pack_trailer(backend, pack.id, pack.size);
  const auto directory = read_pack_directory(backend, all_.keys_, header, trailer, pack.size);
  const auto number = all_.numbers_.at(pack.id);
  std::vector<NeededSegment> whole;
  std::vector<NeededSegment> in_part;
  for (const auto& segment : directory.segments) {
    NeededSegment needed{
        {number, segment.position, segment.offset, segment.stored_size, segment.encoded_size},
        {},
        segment.chunks.size()};
    for (const auto& chunk : segment.chunks) {
      if (is_needed(chunk, pack)) needed.chunks.push_back(&chunk);
    }
    if (needed.chunks.empty()) continue;
    const bool apart = needed.chunks.size() < segment.chunks.size() &&
                       pipeline::is_stored_plain(segment.stored_size, segment.encoded_size);
    (apart ? in_part : whole).push_back(std::move(needed));
  }
  copy_whole(copy_parts(in_part));
  copy_whole(whole);
}

void PackMover::copy_whole(const std::vector<NeededSegment>& segments) {
  std::vector<SegmentLocation> locations;
  locations.reserve(segments.size());
  for (const auto& segment : segments)
    locations.push_back(segment.location);
  reader_.read_many(locations, [&](std::size_t which, base::ByteView bytes) {
    for (const auto* chunk : segments[which].chunks) {
      if (chunk->offset > bytes.size() || chunk->length > bytes.size() - chunk->offset) {
        throw Error(ErrorKind::corrupt, "a chunk lies outside its segment");
      }
      const auto content = bytes.subspan(chunk->offset, chunk->length);
      verify_chunk(all_.repository_.keys(), chunk->id, content);
      take(chunk->id, content);
    }
  });
}

std::vector<NeededSegment> PackMover::copy_parts(const std::vector<NeededSegment>& segments) {
  std::vector<PlainChunk> parts;
  std::vector<const pipeline::ChunkInSegment*> chunks;
  for (const auto& segment : segments) {
    for (const auto* chunk : segment.chunks) {
      parts.push_back({segment.location, pipeline::plain_chunk_offset(segment.chunk_count, *chunk),
                       chunk->length});
      chunks.push_back(chunk);
    }
  }
  std::vector<NeededSegment> damaged;
  reader_.read_plain(parts, [&](std::size_t which, base::ByteView content) {
    const auto& id = chunks[which]->id;
    if (all_.repository_.keys().chunk_id(content) == id) {
      take(id, content);
    } else {
      damaged.push_back({parts[which].segment, {chunks[which]}, 0});
    }
  });
  return damaged;
}

void PackMover::take(const base::ChunkId& id, base::ByteView content) {
  if (segment_.should_seal_before(content.size())) flush();
  segment_.add(id, content);
}

Repacker::Repacker(Repository& repository, const RepositoryUse& use, const PruneOptions& options,
                   unsigned threads)
    : repository_(repository),
      use_(use),
      threads_(threads),
      compression_level_(options.compression_level),
      session_(repository, session_options(options, threads)),
      keys_(repository.keys().pack_write_keys(repository.id())) {
  number_packs();
}

/// A pack has a number for each place in the index; any of them will do.
void Repacker::number_packs() {
  std::unordered_set<std::uint32_t> seen;
  std::uint32_t last = UINT32_MAX;
  repository_.index().for_each_in_pack(
      [&](const base::ChunkId&, std::uint32_t pack, std::uint32_t) {
        if (std::exchange(last, pack) == pack || !seen.insert(pack).second) return;
        numbers_.emplace(repository_.index().pack(pack).id, pack);
      });
}

base::Progress Repacker::note(const PrunePack& pack, bool moved) {
  const std::lock_guard lock(mutex_);
  if (moved) emptied_.push_back(pack.id);
  ++done_.items_done;
  done_.bytes_done += pack.size;
  return done_;
}

void Repacker::work(const std::vector<PrunePack>& packs, base::ProgressObserver& progress,
                    const std::stop_token& stopping) {
  PackMover mover(*this);
  for (auto i = next_++; i < packs.size(); i = next_++) {
    base::check_cancelled(stopping);
    const auto& pack = packs[i];
    // The plan may be older than this run.
    const auto* current = use_.find(pack.id);
    if (current == nullptr || !current->present) continue;
    const bool moved = mover.move(pack);
    if (!moved) {
      progress.on_warning(
          fmt::format("pack {} is damaged and stays: run holdfast check", pack.id.short_hex()));
    }
    progress.on_progress(note(pack, moved));
  }
  mover.flush();
}

std::vector<base::PackId> Repacker::move(const std::vector<PrunePack>& packs,
                                         base::ProgressObserver& progress,
                                         const std::stop_token& stopping) {
  done_.phase = "repack";
  done_.items_total = packs.size();
  if (threads_ == 1) {
    work(packs, progress, stopping);
  } else {
    base::TaskGroup group(stopping);
    for (unsigned i = 0; i < threads_; ++i) {
      group.spawn([&](const std::stop_token& token) { work(packs, progress, token); });
    }
    group.join();
  }
  session_.finish();
  return std::move(emptied_);
}

/// One more than there are cores, because one waits for the disk most of the time.
unsigned threads_for(const PruneOptions& options, std::size_t packs) {
  const auto wanted =
      options.threads != 0 ? options.threads : std::thread::hardware_concurrency() + 1;
  return static_cast<unsigned>(std::clamp<std::size_t>(packs, 1, std::max(wanted, 1U)));
}

}  // namespace

std::vector<base::PackId> repack(Repository& repository, const RepositoryUse& use,
                                 const std::vector<PrunePack>& packs, const PruneOptions& options,
                                 base::ProgressObserver& progress, PruneReport& report,
                                 const std::stop_token& stopping) {
  Repacker repacker(repository, use, options, threads_for(options, packs.size()));
  auto emptied = repacker.move(packs, progress, stopping);
  report.packs_repacked += emptied.size();
  report.bytes_written += repacker.bytes_written();
  return emptied;
}

}  // namespace holdfast::repository
