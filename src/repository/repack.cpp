#include "repack.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "repository/segment_reader.hpp"
#include "repository/write_session.hpp"
#include "stored_pack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

namespace {

/// Copies what is needed, pack after pack.
class Repacker {
public:
  Repacker(Repository& repository, const RepositoryUse& use, const PruneOptions& options)
      : repository_(repository),
        use_(use),
        session_(repository, session_options(options)),
        keys_(repository.keys().pack_write_keys(repository.id())),
        reader_(repository),
        codec_(options.compression_level) {
    // A pack has a number for each place in the index; any of them will do.
    std::uint32_t last = UINT32_MAX;
    repository.index().for_each_in_pack(
        [&](const base::ChunkId&, std::uint32_t pack, std::uint32_t) {
          if (std::exchange(last, pack) == pack) return;
          if (seen_.insert(pack).second) {
            numbers_.emplace(repository.index().pack(pack).id, pack);
          }
        });
    seen_.clear();
  }

  /// False when the pack is damaged; then nothing of it was taken.
  bool take(const PrunePack& pack);
  void finish() {
    flush();
    session_.finish();
  }
  std::uint64_t bytes_written() const { return session_.statistics().bytes_stored; }

private:
  static WriteOptions session_options(const PruneOptions& options) {
    WriteOptions chosen;
    chosen.compression_level = options.compression_level;
    chosen.pack_size_target = options.pack_size_target;
    chosen.open_packs_max = 1;
    chosen.purpose = "prune";
    chosen.renews_by_thread = options.renews_by_thread;
    return chosen;
  }
  void flush() {
    if (!segment_.empty()) session_.store(kind_, segment_, codec_);
  }
  struct Taken {
    base::ChunkId id;
    base::Bytes bytes;
  };
  std::vector<Taken> read_needed(const PrunePack& pack);

  Repository& repository_;
  const RepositoryUse& use_;
  WriteSession session_;
  const pipeline::PackWriteKeys keys_;
  SegmentReader reader_;
  pipeline::SegmentCodec codec_;
  pipeline::SegmentBuilder segment_;
  pipeline::PackKind kind_ = pipeline::PackKind::data;
  std::unordered_set<std::uint32_t> seen_;
  std::map<base::PackId, std::uint32_t> numbers_;
};

std::vector<Repacker::Taken> Repacker::read_needed(const PrunePack& pack) {
  const auto header = read_pack_header(repository_.backend(), pack.id);
  const auto trailer = read_pack_trailer(repository_.backend(), pack.id, pack.size);
  const auto directory =
      read_pack_directory(repository_.backend(), keys_, header, trailer, pack.size);
  std::vector<Taken> taken;
  for (const auto& segment : directory.segments) {
    const auto is_needed = [&](const pipeline::ChunkInSegment& chunk) {
      return use_.is_needed_from(chunk.id, pack.id);
    };
    if (std::ranges::none_of(segment.chunks, is_needed)) continue;
    const auto bytes = reader_.read({numbers_.at(pack.id), segment.position, segment.offset,
                                     segment.stored_size, segment.encoded_size});
    for (const auto& chunk : segment.chunks) {
      if (!is_needed(chunk)) continue;
      if (chunk.offset > bytes.size() || chunk.length > bytes.size() - chunk.offset) {
        throw Error(ErrorKind::corrupt, "a chunk lies outside its segment");
      }
      const auto content = bytes.subspan(chunk.offset, chunk.length);
      verify_chunk(repository_.keys(), chunk.id, content);
      taken.push_back({chunk.id, base::copy_of(content)});
    }
  }
  return taken;
}

bool Repacker::take(const PrunePack& pack) {
  if (!numbers_.contains(pack.id)) return false;
  std::vector<Taken> taken;
  try {
    taken = read_needed(pack);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt && error.kind() != ErrorKind::not_found) throw;
    return false;
  }
  if (pack.kind != kind_) flush();
  kind_ = pack.kind;
  for (const auto& chunk : taken) {
    if (segment_.should_seal_before(chunk.bytes.size())) flush();
    segment_.add(chunk.id, chunk.bytes);
  }
  return true;
}

}  // namespace

std::vector<base::PackId> repack(Repository& repository, const RepositoryUse& use,
                                 const std::vector<PrunePack>& packs, const PruneOptions& options,
                                 base::ProgressObserver& progress, PruneReport& report,
                                 const std::stop_token& stopping) {
  Repacker repacker(repository, use, options);
  std::vector<base::PackId> emptied;
  base::Progress now;
  now.phase = "repack";
  now.items_total = packs.size();
  for (const auto& pack : packs) {
    base::check_cancelled(stopping);
    // The plan may be older than this run.
    const auto* current = use.find(pack.id);
    if (current == nullptr || !current->present) continue;
    if (repacker.take(pack)) {
      emptied.push_back(pack.id);
    } else {
      progress.on_warning(
          fmt::format("pack {} is damaged and stays: run holdfast check", pack.id.short_hex()));
    }
    ++now.items_done;
    now.bytes_done += pack.size;
    progress.on_progress(now);
  }
  repacker.finish();
  report.packs_repacked += emptied.size();
  report.bytes_written += repacker.bytes_written();
  return emptied;
}

}  // namespace holdfast::repository
