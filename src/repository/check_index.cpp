#include "check_index.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "base/task_group.hpp"
#include "crypto/blake3.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>

namespace holdfast::repository {

using base::Error;

namespace {

/// Calls `visit` with the directory of every pack of an index segment, one at a time.
template <class Visit>
void for_each_directory(const IndexSegmentBody& body, Visit&& visit) {
  std::size_t segment = 0;
  std::size_t chunk = 0;
  for (std::size_t i = 0; i < body.packs.size(); ++i) {
    const auto& pack = body.packs[i];
    pipeline::PackDirectory directory{pack.id, pack.kind, pack.epoch, pack.size, {}};
    for (; segment < body.segments.size() && body.segments[segment].pack == i; ++segment) {
      const auto& place = body.segments[segment];
      auto& to = directory.segments.emplace_back();
      to.offset = place.offset;
      to.stored_size = place.stored_size;
      to.encoded_size = place.encoded_size;
      to.position = place.position;
      for (; chunk < body.chunks.size() && body.chunks[chunk].segment == segment; ++chunk) {
        to.chunks.push_back(
            {body.chunks[chunk].id, body.chunks[chunk].offset, body.chunks[chunk].length});
      }
    }
    visit(std::move(directory));
  }
}

IndexSegmentBody load(Repository& repository, const base::IndexId& id) {
  const auto object =
      storage::get(repository.backend(), index_object_name(id), index_object_size_max);
  return open_index_segment(object, id, repository.id(), repository.keys());
}

IndexedPack summarize(const pipeline::PackDirectory& directory, const base::IndexId& index) {
  IndexedPack pack{{directory.pack, directory.kind, directory.epoch, directory.size},
                   index,
                   hash_directory(directory)};
  for (const auto& segment : directory.segments) {
    pack.chunks += segment.chunks.size();
    pack.end = segment.offset + segment.stored_size;
  }
  return pack;
}

std::vector<base::IndexId> list_index(Repository& repository, CheckFindings& findings) {
  std::vector<base::IndexId> ids;
  repository.backend().list(std::string(index_prefix), [&](const storage::ObjectInfo& object) {
    try {
      ids.push_back(base::IndexId::from_hex(std::string_view(object.name).substr(6)));
    } catch (const Error&) {
      findings.add(object.name, "is not an index segment");
    }
  });
  return ids;
}

void merge_duplicates(std::vector<IndexedPack>& packs, CheckFindings& findings) {
  std::sort(packs.begin(), packs.end(),
            [](const auto& a, const auto& b) { return a.info.id < b.info.id; });
  const auto same = [&](const IndexedPack& a, const IndexedPack& b) {
    if (a.info.id != b.info.id) return false;
    if (a.directory_hash != b.directory_hash) {
      findings.add(index_object_name(b.index), "and " + index_object_name(a.index) +
                                                   " differ about " + pack_object_name(a.info.id));
    }
    return true;
  };
  packs.erase(std::unique(packs.begin(), packs.end(), same), packs.end());
}

}  // namespace

base::Hash hash_directory(const pipeline::PackDirectory& directory) {
  base::Bytes text;
  base::append(text, directory.pack.view());
  base::put_varint(text, static_cast<std::uint64_t>(directory.kind));
  base::put_varint(text, directory.epoch);
  base::put_varint(text, directory.size);
  for (const auto& segment : directory.segments) {
    for (const std::uint64_t value :
         {segment.offset, std::uint64_t{segment.stored_size}, std::uint64_t{segment.encoded_size},
          std::uint64_t{segment.position}, std::uint64_t{segment.chunks.size()}}) {
      base::put_varint(text, value);
    }
    for (const auto& chunk : segment.chunks) {
      base::append(text, chunk.id.view());
      base::put_varint(text, chunk.length);
    }
  }
  return crypto::blake3(text);
}

namespace {

/// A prune that writes the index anew takes segments away that were just listed; what they said is
/// in others by then. More often than this it is not a prune.
constexpr int readings_max = 4;

/// Nothing when a segment went between the listing and the reading, unless this is the last try.
std::optional<std::vector<IndexedPack>> read_listed(Repository& repository, unsigned threads,
                                                    bool last, CheckFindings& findings,
                                                    const std::stop_token& stopping) {
  const auto ids = list_index(repository, findings);
  std::vector<IndexedPack> packs;
  std::mutex mutex;  // guards packs
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> any_vanished = false;
  base::TaskGroup group(stopping);
  for (unsigned i = 0; i < threads; ++i) {
    group.spawn([&](const std::stop_token& token) {
      for (auto at = next++; at < ids.size(); at = next++) {
        base::check_cancelled(token);
        try {
          for_each_directory(load(repository, ids[at]), [&](const auto& directory) {
            auto pack = summarize(directory, ids[at]);
            const std::lock_guard lock(mutex);
            packs.push_back(std::move(pack));
          });
        } catch (const Error& error) {
          if (!is_damage(error)) throw;
          if (error.kind() == base::ErrorKind::not_found && !last) {
            any_vanished = true;
          } else {
            findings.add(index_object_name(ids[at]), error.what());
          }
        }
      }
    });
  }
  group.join();
  if (any_vanished) return std::nullopt;
  return packs;
}

}  // namespace

std::vector<IndexedPack> read_indexed_packs(Repository& repository, unsigned threads,
                                            CheckFindings& findings, std::stop_token stopping) {
  std::optional<std::vector<IndexedPack>> packs;
  for (int reading = 1; !packs; ++reading)
    packs = read_listed(repository, threads, reading == readings_max, findings, stopping);
  merge_duplicates(*packs, findings);
  return std::move(*packs);
}

pipeline::PackDirectory directory_from_index(Repository& repository, const IndexedPack& pack) {
  pipeline::PackDirectory found;
  for_each_directory(load(repository, pack.index), [&](pipeline::PackDirectory&& directory) {
    if (directory.pack == pack.info.id) found = std::move(directory);
  });
  return found;
}

}  // namespace holdfast::repository
