#include "pack_use.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "collection_object.hpp"
#include "index_segment.hpp"
#include "page_references.hpp"
#include "repository/elsewhere.hpp"
#include "repository/snapshot.hpp"
#include "repository/stored_objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace holdfast::repository {

using base::ChunkId;
using base::Error;
using base::ErrorKind;

namespace {

/// Instead of a pack: no copy was found, or different chunks have the key and all are kept.
constexpr std::uint32_t nowhere = UINT32_MAX;
constexpr std::uint32_t everywhere = UINT32_MAX - 1;
/// Copies with a lower rank are preferred.
constexpr std::uint32_t rank_free = 0;
constexpr std::uint32_t rank_away = 1;
constexpr std::uint32_t rank_leaving = 2;
constexpr std::uint32_t rank_tombed = 3;
constexpr std::uint32_t rank_missing = 4;
constexpr int surveys_max = 3;

std::uint32_t tail_of(const ChunkId& id) {
  std::uint32_t tail = 0;
  std::memcpy(&tail, id.view().data() + 8, sizeof tail);
  return tail;
}

/// Walks over ascending keys beside ascending ids; starts again where the ids do.
class KeyCursor {
public:
  explicit KeyCursor(const std::vector<std::uint64_t>& keys) : keys_(keys) {}
  /// The position of `key`; the number of keys when it is not there.
  std::size_t find(std::uint64_t key) {
    if (at_ > 0 && keys_[at_ - 1] >= key) at_ = 0;
    if (at_ == 0) {
      at_ = static_cast<std::size_t>(std::ranges::lower_bound(keys_, key) - keys_.begin());
    }
    while (at_ < keys_.size() && keys_[at_] < key)
      ++at_;
    return at_ < keys_.size() && keys_[at_] == key ? at_ : keys_.size();
  }

private:
  const std::vector<std::uint64_t>& keys_;
  std::size_t at_ = 0;
};

[[noreturn]] void throw_incomplete(const std::string& what) {
  throw Error(ErrorKind::corrupt, what + ": nothing is deleted before that is mended")
      .set_hint("run: holdfast check");
}

}  // namespace

std::uint64_t PackUse::live_bytes() const {
  if (raw_total == 0) return 0;
  return static_cast<std::uint64_t>(static_cast<double>(size) * static_cast<double>(raw_live) /
                                    static_cast<double>(raw_total));
}

bool SnapshotsSeen::misses_any_of(const SnapshotsSeen& later) const {
  const auto is_new = [&](const base::SnapshotId& id) {
    return !live.contains(id) && !deleted.contains(id);
  };
  return std::ranges::any_of(later.live, is_new) || std::ranges::any_of(later.deleted, is_new);
}

SnapshotsSeen see_snapshots(Repository& repository) {
  SnapshotsSeen seen;
  // In this order: what is forgotten in between is in both.
  for (const auto& snapshot : repository.snapshots().list())
    seen.live.insert(snapshot.id);
  for (const auto& deletion : repository.snapshots().deletions()) {
    for (const auto& deleted : deletion.deleted)
      seen.deleted.insert(deleted.id);
  }
  return seen;
}

RepositoryUse::RepositoryUse(Repository& repository, const std::vector<Tomb>& tombs,
                             const PruneOptions& options, std::stop_token stopping)
    : repository_(repository),
      tombed_(tombs),
      options_(options),
      stopping_(std::move(stopping)),
      described_(repository.backend(), repository.id(), repository.keys(),
                 repository.environment().random) {
  for (int attempt = 1;; ++attempt) {
    try {
      survey();
      return;
    } catch (const Error& error) {
      // Another prune may be at work: what it moved is gone from where this one looked for it.
      const bool may_pass =
          error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::not_found;
      if (!may_pass || attempt == surveys_max) throw;
    }
    forget_survey();
  }
}

void RepositoryUse::forget_survey() {
  seen_ = {};
  roots_.clear();
  contents_.clear();
  packs_.clear();
  pack_of_number_.clear();
  rank_.clear();
}

// The order matters: what a snapshot needs is in reach objects and the index before the snapshot is
// there, and what the index names is in the store before it is named.
void RepositoryUse::survey() {
  list_snapshots();
  if (options_.grace_seconds > 0) options_.sleep(2 * options_.grace_seconds);
  const auto damaged = repository_.fresh_index().damaged();
  if (!damaged.empty()) {
    throw_incomplete(fmt::format("{} does not open ({})", index_object_name(damaged.front().id),
                                 damaged.front().why));
  }
  find_live_keys();
  list_packs_of_store();
  rank_packs();
  choose_copies();
  confirm_chosen();
  count_use();
}

void RepositoryUse::list_snapshots() {
  PageReferences roots;
  for (const auto& snapshot : repository_.snapshots().list()) {
    seen_.live.insert(snapshot.id);
    for (const auto& item : snapshot.items)
      add_references(item.root, roots);
  }
  for (const auto& deletion : repository_.snapshots().deletions()) {
    for (const auto& deleted : deletion.deleted)
      seen_.deleted.insert(deleted.id);
  }
  for (const auto& page : roots.pages)
    roots_.push_back(key_of(page));
  for (const auto& chunk : roots.contents)
    contents_.push_back(key_of(chunk));
}

void RepositoryUse::find_live_keys() {
  base::check_cancelled(stopping_);
  ReachGraph graph(repository_.backend(), repository_.id(), repository_.keys());
  graph.load();
  auto missing = graph.mark(roots_);
  // What such a page names may be described: then it is marked, and else is read in the next round.
  while (!missing.empty()) {
    describe_missing(graph, missing);
    missing = graph.mark(missing);
  }
  KeySet keys;
  for (const auto key : contents_)
    keys.add(key);
  graph.collect(keys);
  keys_ = keys.take();
}

/// Reads the pages themselves: for what was stored without a reach object, or whose object is lost.
void RepositoryUse::describe_missing(ReachGraph& graph, std::vector<std::uint64_t> missing) {
  if (!repository_.keys().can(Ability::read_content)) {
    throw Error(ErrorKind::wrong_key,
                fmt::format("what {} pages of trees name is described nowhere, and this key cannot "
                            "read them: everything is kept",
                            missing.size()))
        .set_hint("prune once with the passphrase of an owner or a reader");
  }
  struct Page {
    ChunkLocation location;
    ChunkId id;
  };
  std::vector<Page> pages;
  std::vector<bool> found(missing.size());
  KeyCursor cursor(missing);
  repository_.index().for_each([&](const ChunkId& id, const ChunkLocation& location) {
    const auto at = cursor.find(key_of(id));
    if (at == missing.size()) return;
    found[at] = true;
    pages.push_back({location, id});
  });
  if (std::ranges::find(found, false) != found.end()) {
    throw_incomplete("a page of a tree is in no index segment");
  }
  // As they stand in the packs, so that a segment is opened once.
  std::ranges::sort(pages, [](const Page& a, const Page& b) {
    return std::tie(a.location.segment, a.location.offset) <
           std::tie(b.location.segment, b.location.offset);
  });
  std::set<ChunkId> read;
  for (const auto& page : pages) {
    base::check_cancelled(stopping_);
    if (!read.insert(page.id).second) continue;
    PageReferences references;
    try {
      references = references_of_page(repository_.chunks().load(page.id));
    } catch (const Error& error) {
      // Another chunk may have the key of a page, and is none.
      if (error.kind() != ErrorKind::corrupt) throw;
      const bool shared = std::ranges::count(pages, key_of(page.id), [](const Page& other) {
                            return key_of(other.id);
                          }) > 1;
      if (!shared) throw;
    }
    graph.add(page.id, references);
    described_.add(page.id, references);
    ++pages_read_;
  }
}

void RepositoryUse::list_packs_of_store() {
  base::check_cancelled(stopping_);
  for (const auto& stored : list_packs(repository_.backend())) {
    PackUse use;
    use.id = stored.id;
    use.size = stored.size;
    use.present = true;
    use.archived = stored.is_archived;
    packs_.push_back(use);
  }
  add_marked();
  const auto stored = packs_.size();
  for (const auto& info : repository_.index().packs()) {
    const auto end = packs_.begin() + static_cast<std::ptrdiff_t>(stored);
    const auto at = std::lower_bound(packs_.begin(), end, info.id,
                                     [](const PackUse& a, const auto& id) { return a.id < id; });
    if (at != end && at->id == info.id) {
      at->indexed = true;
      at->kind = info.kind;
      at->epoch = info.epoch;
      if (at->away) at->size = info.size;
    } else {
      PackUse gone;
      gone.id = info.id;
      gone.kind = info.kind;
      gone.size = info.size;
      gone.indexed = true;
      packs_.push_back(gone);
    }
  }
  std::ranges::sort(packs_, {}, &PackUse::id);
}

/// What another store has instead is as good as here, but nothing is read of it or written there.
void RepositoryUse::add_marked() {
  const auto marked = list_marked_packs(repository_.backend());
  auto away = marked.away;
  for (auto& pack : packs_) {
    pack.kept = marked.kept.contains(pack.id);
    pack.marked_away = away.erase(pack.id) != 0;
  }
  for (const auto& id : away) {
    PackUse use;
    use.id = id;
    use.present = use.away = use.marked_away = true;
    packs_.push_back(use);
  }
  std::ranges::sort(packs_, {}, &PackUse::id);
}

void RepositoryUse::rank_packs() {
  rank_.reserve(packs_.size());
  for (auto& pack : packs_) {
    pack.tombed = tombed_.names(pack.id);
    const bool leaving = options_.only && options_.only->contains(pack.id);
    rank_.push_back(!pack.present               ? rank_missing
                    : tombed_.contains(pack.id) ? rank_tombed
                    : leaving                   ? rank_leaving
                    : pack.away                 ? rank_away
                                                : rank_free);
  }
}

std::uint32_t RepositoryUse::position_of(std::uint32_t number) {
  if (number >= pack_of_number_.size()) pack_of_number_.resize(number + std::size_t{1}, nowhere);
  auto& position = pack_of_number_[number];
  if (position == nowhere) {
    const auto* use = find(repository_.index().pack(number).id);
    HF_ASSERT(use != nullptr, "every pack of the index was listed");
    position = static_cast<std::uint32_t>(use - packs_.data());
  }
  return position;
}

const PackUse* RepositoryUse::find(const base::PackId& pack) const {
  const auto at = std::ranges::lower_bound(packs_, pack, {}, &PackUse::id);
  return at != packs_.end() && at->id == pack ? &*at : nullptr;
}

void RepositoryUse::choose_copies() {
  base::check_cancelled(stopping_);
  chosen_.assign(keys_.size(), nowhere);
  tails_.assign(keys_.size(), 0);
  KeyCursor cursor(keys_);
  repository_.index().for_each_in_pack([&](const ChunkId& id, std::uint32_t in, std::uint32_t) {
    const auto at = cursor.find(key_of(id));
    if (at == keys_.size()) return;
    const auto pack = position_of(in);
    auto& chosen = chosen_[at];
    if (chosen == everywhere) return;
    if (chosen == nowhere) {
      chosen = pack;
      tails_[at] = tail_of(id);
    } else if (tails_[at] != tail_of(id)) {
      chosen = everywhere;
    } else if (std::pair(rank_[pack], pack) < std::pair(rank_[chosen], chosen)) {
      chosen = pack;
    }
  });
}

/// Everything that a snapshot needs must be somewhere; a listing may be older than the store is.
void RepositoryUse::confirm_chosen() {
  std::set<std::uint32_t> unlisted;
  for (const auto chosen : chosen_) {
    if (chosen == nowhere) throw_incomplete("a chunk that a snapshot needs is in no index segment");
    if (chosen != everywhere && !packs_[chosen].present) unlisted.insert(chosen);
  }
  for (const auto pack : unlisted) {
    const auto name = pack_object_name(packs_[pack].id);
    if (!repository_.backend().stat(name)) {
      throw_incomplete(fmt::format("{}, which a snapshot needs, is gone", name));
    }
    packs_[pack].present = true;
  }
}

void RepositoryUse::count_use() {
  KeyCursor cursor(keys_);
  const auto count = [&](const ChunkId& id, std::uint32_t in, std::uint32_t length) {
    const auto number = position_of(in);
    auto& pack = packs_[number];
    pack.raw_total += length;
    const auto at = cursor.find(key_of(id));
    if (at == keys_.size()) return;
    const auto chosen = chosen_[at];
    if (chosen != number && chosen != everywhere) {
      ++pack.chunks_doubled;
      if (rank_[chosen] >= rank_tombed) ++pack.chunks_held;
      return;
    }
    pack.raw_live += length;
    ++pack.chunks_live;
  };
  repository_.index().for_each_in_pack(count);
}

bool RepositoryUse::is_needed_from(const ChunkId& chunk, const base::PackId& pack) const {
  const auto at = std::ranges::lower_bound(keys_, key_of(chunk));
  if (at == keys_.end() || *at != key_of(chunk)) return false;
  const auto chosen = chosen_[static_cast<std::size_t>(at - keys_.begin())];
  return chosen == everywhere || (chosen != nowhere && packs_[chosen].id == pack);
}

}  // namespace holdfast::repository
