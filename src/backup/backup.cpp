#include "backup/backup.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "paged_backup.hpp"
#include "run_state.hpp"
#include "tree_backup.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace holdfast::backup {
namespace {

/// Gives metadata chunks their ids and keeps nothing: for dry runs.
class CountingSink final : public repository::ChunkSink {
public:
  explicit CountingSink(const repository::KeyBundle& keys) : keys_(keys) {}
  base::ChunkId store(base::ByteView bytes) override { return keys_.chunk_id(bytes); }

private:
  const repository::KeyBundle& keys_;
};

/// One run, from its sources to its snapshot: the phases stand in run() in the order in which they
/// happen.
class Run {
public:
  Run(repository::Repository& repository, BackupRequest request, base::ProgressObserver& progress,
      std::stop_token stopping)
      : repository_(repository),
        request_(std::move(request)),
        stopping_(std::move(stopping)),
        begun_(repository.environment().clock.now()),
        started_(repository.environment().clock.wall_now()),
        file_gear_(repository.keys().chunker_secret.view(), pipeline::ChunkSizes::for_files()),
        stream_gear_(repository.keys().chunker_secret.view(), pipeline::ChunkSizes::for_streams()),
        context_{repository, nullptr, file_gear_, stream_gear_, request_.compression_level},
        cache_(repository.cache_directory(), request_.site),
        problems_(progress),
        progress_(progress) {}

  BackupResult run() {
    // In this order: what is found once the session has its lease stays.
    open_session();
    find_parent();
    adopt_interrupted();
    try {
      take_items();
      finish_session();
    } catch (const base::Cancelled&) {
      keep_what_was_sealed();
      throw;
    } catch (const base::Error&) {
      if (journal_) journal_->flush();
      throw;
    }
    return commit();
  }

private:
  void find_parent() {
    if (cache_.in_use_elsewhere())
      progress_.on_warning("another backup of site '" + request_.site +
                           "' is running on this machine: every file is read again");
    if (const auto known = cache_.snapshot()) take_as_parent(*known);
    if (!parent_) cache_.disregard();
    if (session_) session_->builds_on(parent_);
  }

  /// Unless it was forgotten, which may happen at this very moment.
  void take_as_parent(const base::SnapshotId& known) {
    try {
      const auto statistics = repository_.snapshots().load(known).statistics;
      parent_ = known;
      if (request_.kind != repository::SnapshotKind::full) expected_ = statistics;
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::not_found) throw;
    }
  }

  void adopt_interrupted() {
    if (journal_ && session_) resumed_ = session_->adopt(journal_->packs());
  }

  void open_session() {
    if (!cache_.in_use_elsewhere() && !request_.dry_run)
      journal_.emplace(repository_.cache_directory(), request_.site);
    if (request_.dry_run) return;
    repository::WriteOptions options;
    options.compression_level = request_.compression_level;
    options.parity_percent = request_.parity_percent;
    options.on_pack_stored = [this](const base::PackId& pack) {
      if (request_.on_pack_stored) request_.on_pack_stored(pack);
      const std::lock_guard lock(journal_mutex_);
      if (journal_) journal_->add_pack(pack);
    };
    session_.emplace(repository_, std::move(options));
    context_.session = &*session_;
    metadata_.emplace(*session_, repository_.keys(), request_.compression_level);
  }

  repository::ChunkSink& metadata() {
    if (metadata_) return *metadata_;
    return counting_;
  }

  void take_items() {
    const auto cores = std::max(1U, std::thread::hardware_concurrency());
    const auto threads = request_.threads == 0 ? cores : request_.threads;
    WorkerPool pool(threads, [this] { return std::make_unique<ChunkWriter>(context_); }, stopping_);
    LargeFileReader large_files(pool, file_gear_, 2 * threads + 1);
    const RunState state{context_,       pool,      large_files,
                         metadata(),     cache_,    journal(),
                         journal_mutex_, problems_, counters_,
                         progress_,      started_,  request_.kind == repository::SnapshotKind::full,
                         expected_};
    try {
      for (auto& item : request_.items)
        take_item(item, state);
      pool.finish();
    } catch (...) {  // whatever it is: jobs refer to what is destroyed next
      pool.abandon();
      throw;
    }
  }

  RunJournal* journal() { return journal_ ? &*journal_ : nullptr; }

  void take_item(BackupItem& item, const RunState& state) {
    repository::SnapshotItem taken;
    taken.kind = item.kind;
    try {
      std::visit([&](auto& source) { take_source(*source, state, taken); }, item.source);
    } catch (const base::Error& error) {
      if (request_.items.size() == 1 || !is_of_source(error, state)) throw;
      problems_.add({taken.path, error.kind(), error.what()});
      return;
    }
    snapshot_.items.push_back(std::move(taken));
  }

  /// Whether one source failed, and not the repository or this machine: then the others are still
  /// worth taking.
  bool is_of_source(const base::Error& error, const RunState& state) const {
    if (state.pool.token().stop_requested() || (session_ && session_->failed())) return false;
    return error.kind() != base::ErrorKind::no_space;
  }

  void take_source(sources::TreeSource& source, const RunState& state,
                   repository::SnapshotItem& item) {
    item.path = source.path();
    back_up_tree(source, state, item);
  }
  void take_source(sources::PagedSource& source, const RunState& state,
                   repository::SnapshotItem& item) {
    item.path = source.path();
    paged_.push_back(back_up_pages(source, request_.site, state, parent_, item));
  }
  void take_source(sources::StreamSource& source, const RunState& state,
                   repository::SnapshotItem& item) {
    item.path = source.path();
    back_up_stream(source, state, item);
  }

  void finish_session() {
    if (metadata_) metadata_->flush();
    if (session_) session_->finish();
  }

  /// An interrupted run closes its packs and indexes them, so that the next one finds every byte
  /// that was sealed.
  void keep_what_was_sealed() {
    if (!session_) return;
    try {
      session_->finish();
      if (journal_) journal_->flush();
    } catch (const base::Error& error) {
      progress_.on_warning(std::string("what was sealed could not be kept: ") + error.what());
    }
  }

  void fill_snapshot() {
    auto& snapshot = snapshot_;
    snapshot.site = request_.site;
    snapshot.host = request_.host;
    snapshot.tags = request_.tags;
    snapshot.tool_version = request_.tool_version;
    snapshot.kind = parent_ || request_.kind != repository::SnapshotKind::incremental
                        ? request_.kind
                        : repository::SnapshotKind::full;
    snapshot.started = started_;
    snapshot.finished = repository_.environment().clock.wall_now();
    snapshot.parent = parent_;
    auto& statistics = snapshot.statistics;
    statistics.files = counters_.files;
    statistics.directories = counters_.directories;
    statistics.bytes = counters_.bytes;
    statistics.files_new = counters_.files_new;
    statistics.bytes_read = counters_.bytes_read;
    statistics.problems = problems_.count();
    if (session_) {
      statistics.bytes_new = session_->statistics().bytes_new;
      statistics.bytes_stored = session_->statistics().bytes_stored;
    }
    const auto seconds = base::seconds_between(begun_, repository_.environment().clock.now());
    statistics.milliseconds = static_cast<std::uint64_t>(seconds * 1000);
    snapshot.problems = problems_.take_first(repository::Snapshot::problems_max);
  }

  BackupResult commit() {
    if (snapshot_.items.empty())
      throw base::Error(base::ErrorKind::source_failed, "no source could be read");
    fill_snapshot();
    if (!request_.dry_run) {
      const auto id = session_->commit(snapshot_);
      if (!session_->lock_warning().empty()) progress_.on_warning(session_->lock_warning());
      for (auto& paged : paged_)
        paged.cache.commit(id, paged.block_size);
      cache_.commit(id);
      if (journal_) journal_->remove();
    }
    return {std::move(snapshot_), resumed_};
  }

  repository::Repository& repository_;
  BackupRequest request_;
  const std::stop_token stopping_;
  const base::Instant begun_;
  const base::WallTime started_;
  const pipeline::Gear file_gear_;
  const pipeline::Gear stream_gear_;
  RunContext context_;
  FileCache cache_;
  std::mutex journal_mutex_;
  std::optional<RunJournal> journal_;
  std::optional<repository::WriteSession> session_;
  std::optional<repository::MetadataWriter> metadata_;
  CountingSink counting_{repository_.keys()};
  ProblemList problems_;
  Counters counters_;
  base::ProgressObserver& progress_;
  repository::SnapshotStatistics expected_;
  std::optional<base::SnapshotId> parent_;
  repository::Snapshot snapshot_;
  std::vector<PagedResult> paged_;
  std::size_t resumed_ = 0;
};

}  // namespace

BackupResult run_backup(repository::Repository& repository, BackupRequest request,
                        base::ProgressObserver& progress, std::stop_token stopping) {
  repository.keys().require(repository::Ability::back_up);
  repository.snapshots().expect_none_lost();
  return Run(repository, std::move(request), progress, std::move(stopping)).run();
}

}  // namespace holdfast::backup
