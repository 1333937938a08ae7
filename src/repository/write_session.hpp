#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "pipeline/parity.hpp"
#include "pipeline/segment.hpp"
#include "repository/chunk_io.hpp"
#include "repository/repository.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::repository {

struct WriteOptions {
  int compression_level = 3;
  std::uint64_t pack_size_target = 32ULL * 1024 * 1024;
  /// Reed-Solomon parity in each pack, in percent of it; 0 to pipeline::parity_percent_max. Nothing
  /// for what the repository was made with.
  std::optional<unsigned> parity_percent{};
  /// Open data packs at most; segments are spread over them at random. The first pack_size_target
  /// bytes go to one.
  std::size_t open_packs_max = 3;
  /// Chunks whose index entries are kept in memory before packs are closed and an index segment is
  /// written.
  std::size_t pending_chunks_max = 256 * 1024;
  /// Called after a pack is durable under its name. Any thread.
  std::function<void(const base::PackId&)> on_pack_stored{};
  /// What the run is, for people who wonder why a prune waits for it.
  std::string purpose = "backup";
  /// After so many seconds of silence others may take it that the run died.
  std::int64_t lease_seconds = 1200;
  /// Whether a thread renews the lease; without, store() and finish() do (simulated runs).
  bool renews_by_thread = true;
};

struct WriteStatistics {
  std::uint64_t chunks_new = 0;
  std::uint64_t bytes_new = 0;     // raw
  std::uint64_t bytes_stored = 0;  // packs and index segments, as they lie in the store
  std::uint64_t packs = 0;
};

/// One run that adds to a repository. Packs are durable before the index segment that names them,
/// and that before any snapshot. Dropping it without finish abandons open packs; stored ones are
/// left for adopt().
///
/// It holds a lease from its beginning, reads after that what a prune means to delete (which counts
/// as absent) and the index, and commits through the lease: what a snapshot of it needs cannot be
/// deleted under it. So whatever the caller takes over from an earlier snapshot it looks up after
/// making the session, and says with builds_on.
/// Threads: all calls from any thread, but for finish, adopt, builds_on and commit.
class WriteSession {
public:
  WriteSession(Repository& repository, WriteOptions options);
  ~WriteSession();

  /// Whether the caller must store the chunk: false when the repository has it or another thread
  /// took it in this run.
  bool claim(const base::ChunkId& id);
  /// Whether the repository or this run has the chunk, without claiming it.
  bool contains(const base::ChunkId& id) const;
  /// Whether something went wrong in any thread: then nothing more can be stored.
  bool failed() const;
  /// Seals the gathered chunks (all claimed) into a pack of `kind` and clears `segment`. `codec` is
  /// the caller's own.
  void store(pipeline::PackKind kind, pipeline::SegmentBuilder& segment,
             pipeline::SegmentCodec& codec);
  /// Adds packs that an interrupted run of this machine stored but never indexed; those that are
  /// gone or damaged are skipped. Returns how many were adopted. Call before the first claim.
  std::size_t adopt(const std::vector<base::PackId>& packs);
  /// Closes all open packs and writes the index: everything stored is durable and found by others
  /// when this returns.
  void finish();
  /// Says which snapshot, found to exist since the session began, unchanged things are taken over
  /// from; or that none is. Without the call a prune waits for this session in any case.
  void builds_on(const std::optional<base::SnapshotId>& parent);
  /// Notes what a metadata page names, which is stored before the page is found by others.
  void note_page(const base::ChunkId& id, base::ByteView page);
  /// After finish: commits a snapshot of what was stored, claimed or taken over, and ends the
  /// lease. Errors: conflict when the lease was taken away or something that is needed is gone:
  /// then there is no snapshot.
  base::SnapshotId commit(Snapshot& snapshot);
  WriteStatistics statistics() const;
  /// After commit: what is locked for less than the store should; empty: nothing.
  const std::string& lock_warning() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Gathers metadata chunks of one thread into segments of tree packs. flush() before finish of the
/// session.
class MetadataWriter final : public ChunkSink {
public:
  MetadataWriter(WriteSession& session, const KeyBundle& keys, int compression_level);
  base::ChunkId store(base::ByteView bytes) override;
  void flush();

private:
  WriteSession& session_;
  const KeyBundle& keys_;
  pipeline::SegmentBuilder segment_;
  pipeline::SegmentCodec codec_;
};

}  // namespace holdfast::repository
