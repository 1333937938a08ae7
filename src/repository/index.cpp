#include "repository/index.hpp"

#include "base/error.hpp"
#include "index_cache.hpp"
#include "pack_headers.hpp"

#include <algorithm>
#include <mutex>
#include <numeric>

namespace holdfast::repository {

using base::ChunkId;
using base::Error;
using base::ErrorKind;

namespace {

/// Every search asks each file's filter, so there are few.
constexpr std::size_t files_max = 8;
/// A page that is damaged again after its file was made anew twice: the disk is not to be used.
constexpr int repairs_max = 2;

}  // namespace

struct Index::State {
  /// A cache file and the range of numbers that its packs have outside. A file that was replaced is
  /// kept without being searched, because locations that name its packs may still be in use.
  struct Slot {
    IndexCache::File file;
    std::uint32_t pack_base = 0;
    std::uint64_t chunk_base = 0;
    bool live = true;
  };
  using Slots = std::vector<Slot>;  // ascending pack_base

  State(storage::Backend& backend, const base::RepositoryId& repository, const KeyBundle& keys,
        const std::string& cache_directory, unsigned io_threads)
      : cache(backend, repository, keys, cache_directory + "/index", io_threads),
        headers(backend) {}

  std::shared_ptr<const Slots> current() const {
    const std::lock_guard lock(mutex);
    return slots;
  }
  void publish(Slots next);
  void append(Slots& to, IndexCache::File file);
  std::vector<IndexCache::File> live_files() const;
  void replace_live(const std::vector<IndexCache::File>& files);
  bool repair();
  Slots verified();
  template <class Work>
  auto guarded(Work&& work);

  mutable std::mutex mutex;  // guards the pointer; what it points to never changes
  std::shared_ptr<const Slots> slots = std::make_shared<const Slots>();
  std::mutex maintenance;  // one change at a time; held over the cache's I/O
  int repairs = 0;
  IndexCache cache;
  PackHeaders headers;
};

void Index::State::publish(Slots next) {
  std::uint64_t chunks = 0;
  for (auto& slot : next) {
    slot.chunk_base = chunks;
    if (slot.live) chunks += slot.file->counts().chunks;
  }
  auto shared = std::make_shared<const Slots>(std::move(next));
  const std::lock_guard lock(mutex);
  slots = std::move(shared);
}

void Index::State::append(Slots& to, IndexCache::File file) {
  std::uint64_t base = 0;
  if (!to.empty()) base = to.back().pack_base + to.back().file->counts().packs;
  HF_ASSERT(base + file->counts().packs <= UINT32_MAX, "fewer than 2^32 packs");
  to.push_back({std::move(file), static_cast<std::uint32_t>(base)});
}

std::vector<IndexCache::File> Index::State::live_files() const {
  std::vector<IndexCache::File> files;
  for (const auto& slot : *current()) {
    if (slot.live) files.push_back(slot.file);
  }
  return files;
}

/// `files` are searched from now on; others are retired.
void Index::State::replace_live(const std::vector<IndexCache::File>& files) {
  Slots next = *current();
  std::vector<IndexCache::File> added = files;
  for (auto& slot : next) {
    if (!slot.live) continue;
    slot.live = std::erase(added, slot.file) != 0;
    if (!slot.live) slot.file = slot.file->without_filter();
  }
  for (auto& file : added)
    append(next, std::move(file));
  publish(std::move(next));
}

/// Makes damaged files anew; false when none was damaged. True also when another thread has just
/// done it.
bool Index::State::repair() {
  const std::lock_guard maintaining(maintenance);
  Slots next = *current();
  std::vector<IndexCache::File> added;
  for (auto& slot : next) {
    if (!slot.live || !slot.file->damaged()) continue;
    auto fresh = cache.replace(*slot.file);
    if (fresh && fresh->counts() == slot.file->counts()) {
      slot.file = std::move(fresh);  // the same in all but the damage
    } else {
      slot.live = false;
      if (fresh) added.push_back(std::move(fresh));
    }
    ++repairs;
  }
  for (auto& file : added)
    append(next, std::move(file));
  publish(std::move(next));
  return repairs != 0;
}

/// Runs a search; when it meets a damaged cache file, makes that anew and searches again.
template <class Work>
auto Index::State::guarded(Work&& work) {
  for (int attempt = 0;; ++attempt) {
    const auto slots_now = current();
    try {
      return work(*slots_now);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt || attempt == repairs_max || !repair()) throw;
    }
  }
}

Index::Index(storage::Backend& backend, base::RepositoryId repository, const KeyBundle& keys,
             const std::string& cache_directory, unsigned io_threads)
    : state_(std::make_unique<State>(backend, repository, keys, cache_directory, io_threads)) {}

Index::~Index() = default;

void Index::refresh() {
  const std::lock_guard maintaining(state_->maintenance);
  auto files = state_->cache.refresh(state_->live_files());
  state_->cache.compact(files, files_max);
  state_->replace_live(files);
}

void Index::add(const base::IndexId& id, std::span<const pipeline::PackDirectory> packs) {
  const std::lock_guard maintaining(state_->maintenance);
  auto files = state_->live_files();
  files.push_back(state_->cache.write({id}, {index_body_of(packs)}));
  state_->replace_live(files);
  // Twice the usual, so that a long run does not merge at every step.
  if (state_->cache.compact(files, 2 * files_max)) state_->replace_live(files);
}

std::optional<ChunkLocation> Index::find(const ChunkId& id) const {
  return state_->guarded([&](const State::Slots& slots) -> std::optional<ChunkLocation> {
    for (const auto& slot : slots) {
      if (!slot.live) continue;
      const auto hit = slot.file->find(id);
      if (!hit) continue;
      auto segment = slot.file->segment(hit->chunk.segment);
      segment.pack += slot.pack_base;
      return ChunkLocation{segment, hit->chunk.offset, hit->chunk.length};
    }
    return std::nullopt;
  });
}

std::vector<ChunkLocation> Index::find_copies(const ChunkId& id) const {
  return state_->guarded([&](const State::Slots& slots) {
    std::vector<ChunkLocation> copies;
    for (const auto& slot : slots) {
      if (!slot.live) continue;
      for (const auto& hit : slot.file->find_copies(id)) {
        auto segment = slot.file->segment(hit.chunk.segment);
        segment.pack += slot.pack_base;
        copies.push_back({segment, hit.chunk.offset, hit.chunk.length});
      }
    }
    return copies;
  });
}

std::optional<std::uint64_t> Index::number_of(const ChunkId& id) const {
  return state_->guarded([&](const State::Slots& slots) -> std::optional<std::uint64_t> {
    for (const auto& slot : slots) {
      if (!slot.live) continue;
      if (const auto hit = slot.file->find(id)) return slot.chunk_base + hit->number;
    }
    return std::nullopt;
  });
}

std::vector<std::optional<ChunkLocation>> Index::find_all(std::span<const ChunkId> ids) const {
  std::vector<std::uint32_t> order(ids.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return ids[a] < ids[b]; });
  std::vector<std::optional<ChunkLocation>> found(ids.size());
  state_->guarded([&](const State::Slots& slots) {
    std::fill(found.begin(), found.end(), std::nullopt);
    for (const auto& slot : slots) {
      if (!slot.live) continue;
      IndexCacheFile::Searcher searcher(*slot.file);
      std::vector<std::uint32_t> hits;
      for (const auto i : order) {
        if (found[i]) continue;
        const auto hit = searcher.find(ids[i]);
        if (!hit) continue;
        // The segment's number stands in for its place until all hits are known.
        found[i] =
            ChunkLocation{{.pack = hit->chunk.segment}, hit->chunk.offset, hit->chunk.length};
        hits.push_back(i);
      }
      std::sort(hits.begin(), hits.end(),
                [&](auto a, auto b) { return found[a]->segment.pack < found[b]->segment.pack; });
      for (const auto i : hits) {
        found[i]->segment = searcher.segment(found[i]->segment.pack);
        found[i]->segment.pack += slot.pack_base;
      }
    }
  });
  return found;
}

PackInfo Index::pack(std::uint32_t number) const {
  return state_->guarded([&](const State::Slots& slots) {
    const auto after = std::upper_bound(
        slots.begin(), slots.end(), number,
        [](std::uint32_t wanted, const State::Slot& slot) { return wanted < slot.pack_base; });
    HF_ASSERT(after != slots.begin(), "pack numbers come from this index");
    const auto& slot = *std::prev(after);
    return slot.file->pack(number - slot.pack_base);
  });
}

std::shared_ptr<const pipeline::PackHeader> Index::pack_header(std::uint32_t number) const {
  return state_->headers.get(pack(number));
}

std::size_t Index::pack_count() const {
  std::size_t count = 0;
  for (const auto& slot : *state_->current())
    count += slot.live ? slot.file->counts().packs : 0;
  return count;
}

std::uint64_t Index::chunk_count() const {
  std::uint64_t count = 0;
  for (const auto& slot : *state_->current())
    count += slot.live ? slot.file->counts().chunks : 0;
  return count;
}

std::vector<PackInfo> Index::packs() const {
  auto all = state_->guarded([&](const State::Slots& slots) {
    std::vector<PackInfo> packs;
    for (const auto& slot : slots) {
      if (!slot.live) continue;
      for (std::uint64_t i = 0; i < slot.file->counts().packs; ++i) {
        packs.push_back(slot.file->pack(i));
      }
    }
    return packs;
  });
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  const auto same = [](const PackInfo& a, const PackInfo& b) { return a.id == b.id; };
  all.erase(std::unique(all.begin(), all.end(), same), all.end());
  return all;
}

/// Those whose files are whole: checked first, so that no chunk is visited twice after a repair.
Index::State::Slots Index::State::verified() {
  return guarded([](const Slots& now) {
    for (const auto& slot : now) {
      if (slot.live) slot.file->verify_all();
    }
    return now;
  });
}

void Index::for_each_in_pack(const PackVisit& visit) const {
  for (const auto& slot : state_->verified()) {
    if (!slot.live) continue;
    std::vector<std::uint32_t> packs(slot.file->counts().segments);
    IndexCacheFile::Searcher searcher(*slot.file);
    for (std::uint64_t i = 0; i < packs.size(); ++i)
      packs[i] = slot.pack_base + searcher.segment(i).pack;
    for (IndexCacheFile::Cursor cursor(*slot.file); !cursor.done(); cursor.next()) {
      const auto& chunk = cursor.chunk();
      // As Searcher does: a page may be read anew, and other bytes than those verified may come.
      if (chunk.segment >= packs.size()) {
        throw Error(ErrorKind::corrupt, slot.file->path() + " changed while it was read");
      }
      visit(chunk.id, packs[chunk.segment], chunk.length);
    }
  }
}

void Index::for_each(const std::function<void(const ChunkId&, const ChunkLocation&)>& visit) const {
  for (const auto& slot : state_->verified()) {
    if (!slot.live) continue;
    IndexCacheFile::Searcher searcher(*slot.file);
    for (IndexCacheFile::Cursor cursor(*slot.file); !cursor.done(); cursor.next()) {
      auto segment = searcher.segment(cursor.chunk().segment);
      segment.pack += slot.pack_base;
      visit(cursor.chunk().id, {segment, cursor.chunk().offset, cursor.chunk().length});
    }
  }
}

std::uint64_t Index::resident_bytes() const {
  std::uint64_t bytes = sizeof(State);
  for (const auto& slot : *state_->current())
    bytes += sizeof slot + slot.file->resident_bytes();
  return bytes;
}

std::vector<DamagedIndexSegment> Index::damaged() const {
  const std::lock_guard maintaining(state_->maintenance);
  return state_->cache.damaged();
}

base::IndexId store_index_segment(storage::Backend& backend, const base::RepositoryId& repository,
                                  const KeyBundle& keys,
                                  std::span<const pipeline::PackDirectory> packs,
                                  base::Random& random) {
  return put_index_segment(backend, repository, keys, index_body_of(packs), random).id;
}

}  // namespace holdfast::repository
