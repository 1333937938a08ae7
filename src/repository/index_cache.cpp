#include "index_cache.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/task_group.hpp"
#include "crypto/blake3.hpp"
#include "storage/get_many.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <optional>
#include <queue>
#include <set>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;
using base::IndexId;

namespace {

constexpr std::string_view file_suffix = ".hfi";
/// Stored bytes of index segments that are decoded together: about 30 MB in memory.
constexpr std::uint64_t batch_size_max = 8ULL * 1024 * 1024;
constexpr std::size_t batch_count_max = 1024;
/// Another process that reads an older listing may remove a file right after it was made.
constexpr int makings_max = 10;
/// A prune that writes the index anew takes segments away that were just listed; what they said is
/// in others by then, which the next listing has. More often than this it is not a prune.
constexpr int refreshes_max = 4;

void remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    throw base::system_error(errno, "removing " + path);
  }
}

/// Whether a failure says that the object is bad, not that the store or this program is.
bool is_damage(const Error& error) {
  return error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::wrong_key ||
         error.kind() == ErrorKind::not_found;
}

bool is_whole(const IndexCacheFile& file) {
  try {
    file.verify_all();
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt) throw;
    return false;
  }
}

CacheCounts total_of(const std::vector<IndexCache::File>& files) {
  CacheCounts total;
  for (const auto& file : files) {
    total.chunks += file->counts().chunks;
    total.segments += file->counts().segments;
    total.packs += file->counts().packs;
  }
  return total;
}

/// All chunks of some files in id order; equal ids in the order of the files. `segment` counts over
/// all files.
void merge_chunks(const std::vector<IndexCache::File>& files, IndexCacheWriter& writer) {
  std::vector<IndexCacheFile::Cursor> cursors;
  std::vector<std::uint32_t> segment_bases;
  std::uint32_t segments = 0;
  for (const auto& file : files) {
    cursors.emplace_back(*file);
    segment_bases.push_back(segments);
    segments += static_cast<std::uint32_t>(file->counts().segments);
  }
  const auto later = [&](std::size_t a, std::size_t b) {
    const auto order = cursors[a].chunk().id <=> cursors[b].chunk().id;
    return order == 0 ? a > b : order > 0;
  };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> next(later);
  for (std::size_t i = 0; i < cursors.size(); ++i) {
    if (!cursors[i].done()) next.push(i);
  }
  while (!next.empty()) {
    const auto from = next.top();
    next.pop();
    auto chunk = cursors[from].chunk();
    chunk.segment += segment_bases[from];
    writer.add(chunk);
    cursors[from].next();
    if (!cursors[from].done()) next.push(from);
  }
}

/// Opens what `make` makes at `path`.
template <class Work>
IndexCache::File open_made(const std::string& path, const base::RepositoryId& repository,
                           const Work& make) {
  for (int attempt = 1;; ++attempt) {
    make();
    try {
      return IndexCacheFile::open(path, repository);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_found || attempt == makings_max) throw;
    }
  }
}

void write_bodies(const std::vector<IndexSegmentBody>& bodies,
                  const std::vector<IndexedChunk>& chunks, IndexCacheWriter& writer) {
  for (const auto& chunk : chunks)
    writer.add(chunk);
  std::uint32_t packs = 0;
  for (const auto& body : bodies) {
    for (auto segment : body.segments) {
      segment.pack += packs;
      writer.add(segment);
    }
    packs += static_cast<std::uint32_t>(body.packs.size());
  }
  for (const auto& body : bodies) {
    for (const auto& pack : body.packs)
      writer.add(pack);
  }
  writer.commit();
}

/// All of several files, which are removed.
void write_merged(const std::vector<IndexCache::File>& files, IndexCacheWriter& writer) {
  merge_chunks(files, writer);
  std::uint32_t packs = 0;
  for (const auto& file : files) {
    IndexCacheFile::Searcher reader(*file);
    for (std::uint64_t i = 0; i < file->counts().segments; ++i) {
      auto segment = reader.segment(i);
      segment.pack += packs;
      writer.add(segment);
    }
    packs += static_cast<std::uint32_t>(file->counts().packs);
  }
  for (const auto& file : files) {
    for (std::uint64_t i = 0; i < file->counts().packs; ++i)
      writer.add(file->pack(i));
  }
  writer.commit();
  for (const auto& file : files)
    remove_file(file->path());
}

}  // namespace

IndexCache::IndexCache(storage::Backend& backend, base::RepositoryId repository,
                       const KeyBundle& keys, std::string directory, unsigned io_threads)
    : backend_(backend),
      repository_(repository),
      keys_(keys),
      directory_(std::move(directory)),
      io_threads_(io_threads) {}

std::string IndexCache::path_for(std::vector<IndexId> sources) const {
  std::sort(sources.begin(), sources.end());
  crypto::Blake3 hash;
  for (const auto& source : sources)
    hash.update(source.view());
  return directory_ + "/" + hash.finish().hex() + std::string(file_suffix);
}

std::vector<std::string> IndexCache::list_files() const {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(directory_.c_str()), ::closedir);
  if (!folder) throw base::system_error(errno, "listing " + directory_);
  std::vector<std::string> paths;
  while (const auto* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (name.ends_with(file_suffix) && !name.starts_with(base::temporary_prefix)) {
      paths.push_back(directory_ + "/" + std::string(name));
    }
  }
  return paths;
}

std::vector<IndexCache::Stored> IndexCache::list_store() const {
  std::vector<Stored> stored;
  backend_.list(std::string(index_prefix), [&](const storage::ObjectInfo& object) {
    // A name that is no id is not ours; check reports it.
    const auto name = std::string_view(object.name).substr(6);
    if (name.size() != 64 || name.find_first_not_of("0123456789abcdef") != name.npos) return;
    stored.push_back({IndexId::from_hex(name), object.size});
  });
  std::sort(stored.begin(), stored.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return stored;
}

IndexCache::File IndexCache::open_or_remove(const std::string& path,
                                            const std::vector<File>& open_now) {
  for (const auto& file : open_now) {
    if (file->path() == path && !file->damaged()) return file;
  }
  try {
    return IndexCacheFile::open(path, repository_);
  } catch (const Error& error) {
    // Gone: merged by another process. Not whole: what it held is fetched again.
    if (error.kind() == ErrorKind::corrupt) remove_file(path);
    if (!is_damage(error)) throw;
    return nullptr;
  }
}

std::vector<IndexCache::File> IndexCache::refresh(const std::vector<File>& open_now) {
  for (int attempt = 1;; ++attempt) {
    auto files = refresh_once(open_now);
    if (!any_vanished_ || attempt == refreshes_max) return files;
  }
}

std::vector<IndexCache::File> IndexCache::refresh_once(const std::vector<File>& open_now) {
  base::make_directories(directory_, 0700);
  base::remove_abandoned_files(directory_);
  // In this order: a file that another process adds meanwhile stands for a segment that is stored
  // already.
  std::vector<File> found;
  for (const auto& path : list_files()) {
    if (auto file = open_or_remove(path, open_now)) found.push_back(std::move(file));
  }
  const auto stored = list_store();
  std::vector<bool> covered(stored.size());
  const auto position = [&](const IndexId& id) -> std::optional<std::size_t> {
    const auto at = std::lower_bound(stored.begin(), stored.end(), id,
                                     [](const auto& a, const auto& b) { return a.id < b; });
    if (at == stored.end() || at->id != id) return std::nullopt;
    return static_cast<std::size_t>(at - stored.begin());
  };
  // The widest first, so that what a merge replaced is recognised as superfluous.
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a->sources().size() > b->sources().size();
  });
  std::vector<File> files;
  for (auto& file : found) {
    const auto& sources = file->sources();
    const bool wanted = std::all_of(sources.begin(), sources.end(), [&](const auto& source) {
      const auto at = position(source);
      return at && !covered[*at];
    });
    if (!wanted) {
      remove_file(file->path());
      continue;
    }
    for (const auto& source : sources)
      covered[*position(source)] = true;
    files.push_back(std::move(file));
  }
  std::vector<Stored> missing;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    if (!covered[i]) missing.push_back(stored[i]);
  }
  damaged_.clear();
  any_vanished_ = false;
  for (auto& file : fetch(std::move(missing)))
    files.push_back(std::move(file));
  return files;
}

std::vector<IndexCache::File> IndexCache::fetch(std::vector<Stored> wanted) {
  std::vector<File> files;
  for (std::size_t begin = 0; begin < wanted.size();) {
    auto end = begin + 1;
    auto size = wanted[begin].size;
    while (end < wanted.size() && end - begin < batch_count_max &&
           size + wanted[end].size <= batch_size_max) {
      size += wanted[end++].size;
    }
    if (auto file = fetch_batch(std::span(wanted).subspan(begin, end - begin))) {
      files.push_back(std::move(file));
    }
    begin = end;
  }
  return files;
}

IndexCache::File IndexCache::fetch_batch(std::span<const Stored> batch) {
  std::vector<std::optional<IndexSegmentBody>> bodies(batch.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&](const std::stop_token& stopping) {
    for (auto i = next++; i < batch.size() && !stopping.stop_requested(); i = next++) {
      try {
        const auto object = storage::get(backend_, index_object_name(batch[i].id),
                                         index_object_size_max, batch[i].size);
        bodies[i] = open_index_segment(object, batch[i].id, repository_, keys_);
      } catch (const Error& error) {
        if (!is_damage(error)) throw;
        const std::lock_guard lock(damaged_mutex_);
        damaged_.push_back({batch[i].id, error.what()});
        any_vanished_ = any_vanished_ || error.kind() == ErrorKind::not_found;
      }
    }
  };
  if (batch.size() == 1 || io_threads_ == 1) {
    work({});
  } else {
    base::TaskGroup group;
    const auto threads = std::max<std::size_t>(io_threads_, storage::small_reads_max(backend_));
    for (std::size_t i = 0; i < std::min(batch.size(), threads); ++i)
      group.spawn(work);
    group.join();
  }
  std::vector<IndexId> sources;
  std::vector<IndexSegmentBody> whole;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (!bodies[i]) continue;
    sources.push_back(batch[i].id);
    whole.push_back(std::move(*bodies[i]));
  }
  return whole.empty() ? nullptr : write(std::move(sources), whole);
}

IndexCache::File IndexCache::write(std::vector<IndexId> sources,
                                   const std::vector<IndexSegmentBody>& bodies) {
  CacheCounts counts;
  std::vector<IndexedChunk> chunks;
  for (const auto& body : bodies) {
    for (auto chunk : body.chunks) {
      chunk.segment += static_cast<std::uint32_t>(counts.segments);
      chunks.push_back(chunk);
    }
    counts.segments += body.segments.size();
    counts.packs += body.packs.size();
  }
  counts.chunks = chunks.size();
  std::sort(chunks.begin(), chunks.end(), [](const auto& a, const auto& b) {
    const auto order = a.id <=> b.id;
    return order == 0 ? a.segment < b.segment : order < 0;
  });
  base::make_directories(directory_, 0700);
  const auto path = path_for(sources);
  return open_made(path, repository_, [&] {
    IndexCacheWriter writer(path, repository_, counts, sources);
    write_bodies(bodies, chunks, writer);
  });
}

IndexCache::File IndexCache::replace(const IndexCacheFile& damaged) {
  remove_file(damaged.path());
  std::vector<Stored> wanted;
  for (const auto& source : damaged.sources()) {
    const auto object = backend_.stat(index_object_name(source));
    wanted.push_back({source, object ? object->size : 0});
  }
  const auto parts = fetch(std::move(wanted));
  if (parts.empty()) return nullptr;
  return merge(parts);
}

IndexCache::File IndexCache::merge(const std::vector<File>& files) {
  if (files.size() == 1) return files.front();
  std::vector<IndexId> sources;
  for (const auto& file : files) {
    sources.insert(sources.end(), file->sources().begin(), file->sources().end());
  }
  const auto path = path_for(sources);
  return open_made(path, repository_, [&] {
    IndexCacheWriter writer(path, repository_, total_of(files), sources);
    write_merged(files, writer);
  });
}

bool IndexCache::compact(std::vector<File>& files, std::size_t files_max) {
  if (files.size() <= files_max) return false;
  std::stable_sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
    return a->counts().chunks < b->counts().chunks;
  });
  // As many of the smallest as needed, and on while the next is no larger than all before it: so
  // that an entry is copied a logarithmic number of times in its life.
  auto count = files.size() - files_max + 1;
  auto chunks = std::accumulate(
      files.begin(), files.begin() + static_cast<std::ptrdiff_t>(count), std::uint64_t{0},
      [](std::uint64_t sum, const File& file) { return sum + file->counts().chunks; });
  while (count < files.size() && files[count]->counts().chunks <= chunks) {
    chunks += files[count++]->counts().chunks;
  }
  const auto end = files.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<File> small;
  for (auto at = files.begin(); at != end; ++at) {
    if (auto whole = is_whole(**at) ? *at : replace(**at)) small.push_back(std::move(whole));
  }
  files.erase(files.begin(), end);
  if (!small.empty()) files.push_back(merge(small));
  return true;
}

}  // namespace holdfast::repository
