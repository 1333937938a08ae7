#include "repository/write_session.hpp"

#include "base/adaptive_concurrency.hpp"
#include "base/error.hpp"
#include "base/first_failure.hpp"
#include "base/task_group.hpp"
#include "claimed_ids.hpp"
#include "index_segment.hpp"
#include "kept_lease.hpp"
#include "open_pack.hpp"
#include "prolonged_locks.hpp"
#include "reach.hpp"
#include "relied_packs.hpp"
#include "stored_pack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <iterator>
#include <mutex>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;
using pipeline::PackBuilder;
using pipeline::PackDirectory;
using pipeline::PackKind;

namespace {

std::size_t chunk_count_of(const PackDirectory& directory) {
  std::size_t count = 0;
  for (const auto& segment : directory.segments)
    count += segment.chunks.size();
  return count;
}

/// Packs at once over a line: each has some MiB under way, and is lost when the run is.
constexpr unsigned streams_max = 8;
/// What is known of pages that the index does not name is kept in memory up to here.
constexpr std::size_t pending_reach_max = 4UL * 1024 * 1024;

LeaseOptions lease_options_of(const WriteOptions& options) {
  return {options.purpose, options.lease_seconds};
}

unsigned packs_at_once(const WriteOptions& options) {
  return static_cast<unsigned>(std::max<std::size_t>(options.open_packs_max, 1));
}
unsigned packs_over_a_line(const Repository& repository) {
  return std::min(repository.backend().transfers_max(), streams_max);
}

/// Takes directories off the end of `closed` until they hold `chunks_max` chunks; at least one.
std::vector<PackDirectory> take_batch(std::vector<PackDirectory>& closed, std::size_t chunks_max) {
  std::vector<PackDirectory> batch;
  std::size_t chunks = 0;
  while (!closed.empty()) {
    const auto count = chunk_count_of(closed.back());
    if (!batch.empty() && chunks + count > chunks_max) break;
    chunks += count;
    batch.push_back(std::move(closed.back()));
    closed.pop_back();
  }
  return batch;
}

/// Said before anything is read or sent.
void expect_locks(storage::Backend& backend) {
  if (auto* const locks = backend.locks()) locks->expect_enforced();
}

PackDirectory read_directory(storage::Backend& backend, const pipeline::PackWriteKeys& keys,
                             const base::PackId& id) {
  const auto stored = backend.stat(pack_object_name(id));
  if (!stored) throw Error(ErrorKind::not_found, pack_object_name(id) + " is gone");
  const auto header = read_pack_header(backend, id);
  const auto trailer = read_pack_trailer(backend, id, stored->size);
  return read_pack_directory(backend, keys, header, trailer, stored->size);
}

}  // namespace

// Locks: `mutex` guards the lists of packs and is never held over I/O; `indexing` lets one thread
// at a time write an index segment and is taken before it.
struct WriteSession::State {
  using Packs = std::vector<std::shared_ptr<OpenPack>>;  // shared by the threads inside a pack

  // The order of members is the protocol: lease, tombs, index.
  State(Repository& to, WriteOptions with)
      : repository((expect_locks(to.backend()), to)),
        options(std::move(with)),
        keys(to.keys().pack_write_keys(to.id())),
        streams(packs_at_once(options), packs_over_a_line(to)),
        lease(lease_store_of(to), lease_options_of(options),
              options.renews_by_thread ? Renewal::by_thread : Renewal::by_calls,
              [this](std::exception_ptr lost) { failure.remember(std::move(lost)); }),
        relied(to),
        reach(to.backend(), to.id(), to.keys(), to.environment().random) {
    to.read_unindexed_packs(false);
    to.fresh_index();
  }

  struct Place {
    std::shared_ptr<OpenPack> pack;
    pipeline::SegmentContext context;
  };
  Place enter(PackKind kind, std::uint64_t stored_size);
  bool is_far() const;
  Packs packs_that_take_more(const Packs& packs) const;
  std::shared_ptr<OpenPack> choose_pack(PackKind kind);
  void leave(const std::shared_ptr<OpenPack>& pack);
  void seal_into(const Place& place, const pipeline::SegmentBuilder& segment,
                 const pipeline::SegmentCodec::Compressed& compressed, base::ByteView encoded,
                 pipeline::SegmentCodec& codec);
  void close(OpenPack& pack);
  Packs retire_all();
  void close_all(const Packs& idle);
  void write_index();
  void relieve();

  Repository& repository;
  const WriteOptions options;
  const pipeline::PackWriteKeys keys;
  // In any thread it ends the session: what is half written is never indexed.
  base::FirstFailure failure{"this run cannot store anything more since it failed"};
  ClaimedIds claimed;
  ClaimedIds stored_again;  // because a prune means to delete what the index knows

  std::mutex mutex;
  std::array<Packs, 4> open;            // by kind
  std::array<std::uint64_t, 4> sent{};  // bytes reserved so far, by kind
  std::vector<PackDirectory> closed;    // stored, in no index segment yet

  std::mutex indexing;
  std::atomic<std::size_t> pending_chunks = 0;
  std::atomic<std::uint64_t> chunks_new = 0;
  std::atomic<std::uint64_t> bytes_new = 0;
  std::atomic<std::uint64_t> bytes_stored = 0;
  std::atomic<std::uint64_t> packs_stored = 0;
  base::AdaptiveConcurrency streams;  // packs that are sent at once over a line

  KeptLease lease;  // below what it is told about when it is lost
  ReliedPacks relied;
  TombedPacks not_relied_on;  // by what is committed; it may be locked no longer
  std::string lock_warning;
  ReachRecorder reach;
};

bool WriteSession::State::is_far() const {
  return repository.backend().transfers_max() > 1 && repository.environment().io_threads > 1;
}

/// All, or over a line those whose store does not let anybody wait.
WriteSession::State::Packs WriteSession::State::packs_that_take_more(const Packs& packs) const {
  if (!is_far()) return packs;
  Packs result;
  std::ranges::copy_if(packs, std::back_inserter(result),
                       [](const auto& pack) { return !pack->is_busy(); });
  return result;
}

/// The first pack's worth of bytes goes to one pack, so that a small run leaves few small packs;
/// beyond that several are open and segments are spread at random, so that the order of files
/// cannot be read off the store. Over a line nobody waits for one pack when another does not, and
/// when all do one more is opened, as long as that brings more bytes a second.
std::shared_ptr<OpenPack> WriteSession::State::choose_pack(PackKind kind) {
  auto& packs = open[static_cast<std::size_t>(kind)];
  const auto usable = packs_that_take_more(packs);
  const bool may_add = packs.empty() || !usable.empty() ||
                       (kind == PackKind::data && packs.size() < streams.level());
  auto& random = repository.environment().random;
  if (!may_add) return packs[random.below(packs.size())];
  if (!usable.empty()) {
    const bool many =
        kind == PackKind::data && sent[static_cast<std::size_t>(kind)] >= options.pack_size_target;
    const std::size_t wanted = many ? packs_at_once(options) : 1;
    const auto choice = random.below(std::max(wanted, packs.size()));
    if (choice < packs.size()) return usable[choice % usable.size()];
  }
  packs.push_back(std::make_shared<OpenPack>(
      repository.backend(), keys, kind, random,
      PackBuilder::Parity{options.parity_percent.value_or(repository.format().parity_percent),
                          options.pack_size_target}));
  return packs.back();
}

WriteSession::State::Place WriteSession::State::enter(PackKind kind, std::uint64_t stored_size) {
  const std::lock_guard lock(mutex);
  auto pack = choose_pack(kind);
  Place place{pack, pack->enter(stored_size)};
  sent[static_cast<std::size_t>(kind)] += stored_size;
  if (pack->reserved_size() >= options.pack_size_target) {
    std::erase(open[static_cast<std::size_t>(kind)], pack);
    static_cast<void>(pack->retire(PackBuilder::Padding::none));  // we are inside
  }
  return place;
}

void WriteSession::State::leave(const std::shared_ptr<OpenPack>& pack) {
  bool last = false;
  {
    const std::lock_guard lock(mutex);
    last = pack->leave();
  }
  if (last) close(*pack);
}

void WriteSession::State::close(OpenPack& pack) {
  failure.check();
  auto directory = pack.close();
  bytes_stored += directory.size;
  ++packs_stored;
  const auto id = directory.pack;
  {
    const std::lock_guard lock(mutex);
    closed.push_back(std::move(directory));
  }
  if (options.on_pack_stored) options.on_pack_stored(id);
}

/// Takes all packs out of use and returns those that nobody is inside of; the others are closed by
/// whoever is.
WriteSession::State::Packs WriteSession::State::retire_all() {
  const std::lock_guard lock(mutex);
  Packs idle;
  for (auto& packs : open) {
    for (auto& pack : packs) {
      if (pack->retire(PackBuilder::Padding::padme)) idle.push_back(std::move(pack));
    }
    packs.clear();
  }
  return idle;
}

/// Each waits for its disk or its store, so all at once.
void WriteSession::State::close_all(const Packs& idle) {
  if (idle.size() == 1 || repository.environment().io_threads == 1) {
    for (const auto& pack : idle)
      close(*pack);
    return;
  }
  base::TaskGroup group;
  for (const auto& pack : idle) {
    group.spawn([this, pack](const std::stop_token&) { close(*pack); });
  }
  group.join();
}

/// Indexes what is stored. Called with `indexing` held.
void WriteSession::State::write_index() {
  std::vector<PackDirectory> packs;
  {
    const std::lock_guard lock(mutex);
    packs.swap(closed);
  }
  // First, so that no page is ever found by somebody before what it names is known.
  bytes_stored += reach.flush();
  while (!packs.empty()) {
    failure.check();
    const auto batch = take_batch(packs, options.pending_chunks_max);
    const auto stored = put_index_segment(repository.backend(), repository.id(), repository.keys(),
                                          index_body_of(batch), repository.environment().random);
    bytes_stored += stored.size;
    repository.index().add(stored.id, batch);
    for (const auto& pack : batch) {
      for (const auto& segment : pack.segments) {
        for (const auto& chunk : segment.chunks)
          claimed.erase(chunk.id);
        pending_chunks -= segment.chunks.size();
      }
    }
  }
}

/// Keeps the memory of a long run bounded.
void WriteSession::State::relieve() {
  if (pending_chunks < options.pending_chunks_max) return;
  std::unique_lock turn(indexing, std::defer_lock);
  // Others go on while one writes the index, unless they are too far ahead.
  if (pending_chunks >= 2 * options.pending_chunks_max) {
    turn.lock();
  } else if (!turn.try_lock()) {
    return;
  }
  if (pending_chunks < options.pending_chunks_max) return;
  close_all(retire_all());
  write_index();
}

void WriteSession::State::seal_into(const Place& place, const pipeline::SegmentBuilder& segment,
                                    const pipeline::SegmentCodec::Compressed& compressed,
                                    base::ByteView encoded, pipeline::SegmentCodec& codec) {
  auto cipher = place.pack->cipher();
  const auto framed = codec.seal(cipher, place.context, compressed, encoded);
  place.pack->append(place.context, framed, compressed.encoded_size, segment.chunks());
  if (is_far()) streams.ended(framed.size(), repository.environment().clock.now());
}

WriteSession::WriteSession(Repository& repository, WriteOptions options)
    : state_((repository.expect_writable(),
              std::make_unique<State>(repository, std::move(options)))) {}

WriteSession::~WriteSession() = default;

bool WriteSession::claim(const base::ChunkId& id) {
  state_->failure.check();
  if (state_->claimed.contains(id)) return false;
  switch (state_->relied.ask(id)) {
    case ReliedPacks::Answer::there:
      return false;
    case ReliedPacks::Answer::doomed:
      return state_->stored_again.insert(id) && state_->claimed.insert(id);
    case ReliedPacks::Answer::unknown:
      break;
  }
  return state_->claimed.insert(id);
}

bool WriteSession::contains(const base::ChunkId& id) const {
  return state_->claimed.contains(id) || state_->stored_again.contains(id) ||
         state_->relied.ask(id) == ReliedPacks::Answer::there;
}

bool WriteSession::failed() const { return state_->failure.happened(); }

void WriteSession::store(PackKind kind, pipeline::SegmentBuilder& segment,
                         pipeline::SegmentCodec& codec) {
  HF_ASSERT(!segment.empty(), "a segment has chunks");
  auto& state = *state_;
  state.failure.run([&] {
    state.lease->renew_if_due();
    const auto encoded = segment.encode();
    const auto compressed = codec.compress(encoded);
    const auto place = state.enter(kind, compressed.bytes.size());
    // A failure leaves the pack unclosed for good: the session has failed then.
    state.seal_into(place, segment, compressed, encoded, codec);
    state.chunks_new += segment.chunks().size();
    for (const auto& chunk : segment.chunks())
      state.bytes_new += chunk.length;
    state.pending_chunks += segment.chunks().size();
    state.leave(place.pack);
    segment.clear();
    state.relieve();
  });
}

std::size_t WriteSession::adopt(const std::vector<base::PackId>& packs) {
  auto& state = *state_;
  const auto known = state.repository.index().packs();  // sorted by id
  std::size_t adopted = 0;
  for (const auto& id : packs) {
    const auto at = std::lower_bound(known.begin(), known.end(), id,
                                     [](const auto& a, const auto& b) { return a.id < b; });
    if (at != known.end() && at->id == id) continue;
    if (state.relied.is_doomed(id)) continue;
    try {
      auto directory = read_directory(state.repository.backend(), state.keys, id);
      // What its pages name was not stored: it would have been indexed right after.
      if (directory.kind == PackKind::tree) continue;
      for (const auto& segment : directory.segments) {
        for (const auto& chunk : segment.chunks)
          state.claimed.insert(chunk.id);
        state.pending_chunks += segment.chunks.size();
      }
      const std::lock_guard lock(state.mutex);
      state.closed.push_back(std::move(directory));
      ++adopted;
    } catch (const Error& error) {
      // Never acknowledged to anybody: what it held is stored again.
      if (error.kind() != ErrorKind::not_found && error.kind() != ErrorKind::corrupt &&
          error.kind() != ErrorKind::wrong_key && error.kind() != ErrorKind::frozen) {
        throw;
      }
    }
    state.failure.run([&] { state.relieve(); });
  }
  return adopted;
}

void WriteSession::finish() {
  auto& state = *state_;
  state.failure.run([&] {
    state.lease->renew_if_due();
    const std::lock_guard turn(state.indexing);
    state.close_all(state.retire_all());
    state.write_index();
  });
}

void WriteSession::builds_on(const std::optional<base::SnapshotId>& parent) {
  auto clean = state_->relied.tombs_clean_of(parent);
  state_->not_relied_on = state_->relied.packs_of(clean);
  state_->lease->know(clean);
}

void WriteSession::note_page(const base::ChunkId& id, base::ByteView page) {
  auto& state = *state_;
  PageReferences references;
  try {
    references = references_of_page(page);
  } catch (const Error& error) {
    // What is no page names nothing; should somebody take it for one, it is read then.
    if (error.kind() != ErrorKind::corrupt) throw;
    return;
  }
  state.failure.run([&] {
    state.reach.add(id, references);
    if (state.reach.pending_bytes() >= pending_reach_max) state.bytes_stored += state.reach.flush();
  });
}

base::SnapshotId WriteSession::commit(Snapshot& snapshot) {
  auto& state = *state_;
  return state.failure.run([&] {
    state.relied.validate();
    const auto& environment = state.repository.environment();
    auto& backend = state.repository.backend();
    const auto shortfall = prolong_locks(
        {backend, environment.clock, state.repository.cache_directory(), environment.io_threads},
        state.not_relied_on);
    if (shortfall.objects > 0)
      state.lock_warning = describe(shortfall, backend.locks()->terms().period_seconds);
    const auto id = state.repository.snapshots().commit(
        snapshot, [&](const base::SnapshotId& committed, base::ByteView record) {
          state.lease->commit(committed, record);
        });
    state.lease->end();
    return id;
  });
}

const std::string& WriteSession::lock_warning() const { return state_->lock_warning; }

WriteStatistics WriteSession::statistics() const {
  return {state_->chunks_new, state_->bytes_new, state_->bytes_stored, state_->packs_stored};
}

MetadataWriter::MetadataWriter(WriteSession& session, const KeyBundle& keys, int compression_level)
    : session_(session), keys_(keys), codec_(compression_level) {}

base::ChunkId MetadataWriter::store(base::ByteView bytes) {
  const auto id = keys_.chunk_id(bytes);
  if (!session_.claim(id)) return id;
  session_.note_page(id, bytes);
  if (segment_.should_seal_before(bytes.size())) flush();
  segment_.add(id, bytes);
  return id;
}

void MetadataWriter::flush() {
  if (!segment_.empty()) session_.store(PackKind::tree, segment_, codec_);
}

}  // namespace holdfast::repository
