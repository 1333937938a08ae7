#include "tree_backup.hpp"

#include "base/error.hpp"
#include "directory_scan.hpp"
#include "file_batch.hpp"
#include "tree_assembly.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>

namespace holdfast::backup {
namespace {

/// A batch is handed over when it has the raw bytes of about one segment, or so many files that
/// opening them is the work.
constexpr std::uint64_t batch_bytes = 1024ULL * 1024;
constexpr std::size_t batch_entries = 256;
/// How far reading may run behind walking.
constexpr std::size_t batches_in_flight_max = 16;
constexpr std::size_t large_in_flight_max = 4;
/// How far listing may run ahead of walking.
constexpr std::size_t scans_ahead = 24;

/// What workers finished, for the run's own thread.
class Completions {
public:
  void push(std::shared_ptr<FileBatch> batch) {
    {
      const std::lock_guard lock(mutex_);
      done_.push_back(std::move(batch));
    }
    changed_.notify_one();
  }
  std::shared_ptr<FileBatch> try_pop() {
    const std::lock_guard lock(mutex_);
    return pop_locked();
  }
  std::shared_ptr<FileBatch> pop(const std::stop_token& stopping) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stopping, [&] { return !done_.empty(); })) return nullptr;
    return pop_locked();
  }

private:
  std::shared_ptr<FileBatch> pop_locked() {
    if (done_.empty()) return nullptr;
    auto batch = std::move(done_.front());
    done_.pop_front();
    return batch;
  }
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::shared_ptr<FileBatch>> done_;
};

class TreeBackup {
public:
  TreeBackup(sources::TreeSource& source, const RunState& run)
      : source_(source), run_(run), assembly_(run), completions_(std::make_shared<Completions>()) {}

  /// Jobs of workers refer to this object: they end before it does.
  ~TreeBackup() {
    if (walking_) run_.pool.abandon();
  }
  TreeBackup(const TreeBackup&) = delete;
  TreeBackup& operator=(const TreeBackup&) = delete;

  repository::Node take() {
    bool complete = true;
    auto root = source_.root([&](sources::ItemProblem problem) {
      complete = false;
      run_.problems.add(std::move(problem));
    });
    auto* top = assembly_.open_top(source_.path(), root);
    if (!complete) top->slots.front().fingerprint = 0;
    if (root.entry.kind == sources::EntryKind::directory) {
      push_scan(root_scan(top, std::move(root)));
    } else {
      take_root_file(top, std::move(root));
    }
    walking_ = true;
    try {
      walk();
    } catch (const base::Cancelled&) {
      run_.pool.abandon();
      while (const auto done = completions_->try_pop())
        for (auto& entry : done->entries)
          assembly_.remember(entry);
      throw;
    }
    walking_ = false;
    return assembly_.take_root();
  }

private:
  std::shared_ptr<DirectoryScan> root_scan(DirectoryFrame* top, sources::ListedEntry root) {
    auto scan = std::make_shared<DirectoryScan>();
    scan->parent = top;
    scan->directory = source_.open_root();
    scan->listed = std::move(root);
    scan->path = source_.path();
    scan->cached = top->cached_child(0);
    return scan;
  }

  /// A source that is one file: a batch of its own, opened by the source.
  class RootFile final : public sources::SourceDirectory {
  public:
    explicit RootFile(sources::TreeSource& source) : source_(source) {}
    std::vector<sources::ListedEntry> list(const sources::ProblemSink&) override { return {}; }
    void load_details(sources::ListedEntry&, const sources::ProblemSink&) override {}
    std::unique_ptr<sources::SourceFile> open_file(const sources::ListedEntry&) override {
      return source_.open_root_file();
    }
    std::shared_ptr<sources::SourceDirectory> open_directory(const sources::ListedEntry&) override {
      throw base::Error(base::ErrorKind::not_found, "a file has no directories");
    }
    std::string path() const override { return source_.path(); }

  private:
    sources::TreeSource& source_;
  };

  void take_root_file(DirectoryFrame* top, sources::ListedEntry root) {
    count(root);
    if (assembly_.reuse(*top, 0, root)) return assembly_.finish_if_done(top);
    add_pending({top, 0, std::make_shared<RootFile>(source_), std::move(root), source_.path()});
  }

  void push_scan(std::shared_ptr<DirectoryScan> scan) { scans_.push_back(std::move(scan)); }

  void walk() {
    while (!scans_.empty() || batches_in_flight_ > 0 || !batch_->entries.empty()) {
      while (auto done = completions_->try_pop())
        complete(*done);
      const bool is_full =
          batches_in_flight_ >= batches_in_flight_max || large_in_flight_ >= large_in_flight_max;
      if (!is_full && !scans_.empty()) {
        scan_ahead();
        auto scan = std::move(scans_.back());
        scans_.pop_back();
        enter(*scan);
      } else if (!is_full && !batch_->entries.empty()) {
        submit_batch();
      } else if (is_full || batches_in_flight_ > 0) {
        wait_for_one();
      }
    }
  }

  void wait_for_one() {
    auto done = completions_->pop(run_.pool.token());
    if (!done) run_.pool.rethrow();
    complete(*done);
  }

  /// Lets idle workers list what comes next. The next one is submitted last: scans are taken newest
  /// first.
  void scan_ahead() {
    if (run_.pool.token().stop_requested()) run_.pool.rethrow();
    const auto count = std::min(scans_.size(), scans_ahead);
    for (auto i = scans_.size() - count; i < scans_.size(); ++i) {
      if (std::exchange(scans_[i]->submitted, true)) continue;
      auto problems = run_.problem_sink();
      run_.pool.submit(Urgency::scan,
                       [scan = scans_[i], problems](ChunkWriter&) { scan->run(problems); });
    }
  }

  void enter(DirectoryScan& scan) {
    auto entries = scan.take_entries(run_.problem_sink());
    ++run_.counters.directories;
    auto* frame = assembly_.open_directory(scan, entries.size());
    if (!scan.readable()) frame->must_encode = true;
    std::vector<std::shared_ptr<DirectoryScan>> below;
    for (std::size_t slot = 0; slot < entries.size(); ++slot) {
      auto& listed = entries[slot];
      if (listed.entry.kind == sources::EntryKind::directory) {
        below.push_back(scan_below(scan, frame, slot, std::move(listed)));
      } else {
        count(listed);
        if (!assembly_.reuse(*frame, slot, listed))
          add_pending({frame, slot, scan.directory, std::move(listed), {}});
      }
    }
    for (auto it = below.rbegin(); it != below.rend(); ++it)
      push_scan(std::move(*it));
    assembly_.finish_if_done(frame);
    run_.report(scan.path);
  }

  std::shared_ptr<DirectoryScan> scan_below(const DirectoryScan& scan, DirectoryFrame* frame,
                                            std::size_t slot, sources::ListedEntry listed) {
    auto child = std::make_shared<DirectoryScan>();
    child->parent = frame;
    child->slot = slot;
    child->above = scan.directory;
    child->path = scan.path + "/" + listed.entry.name;
    child->wants_details = !assembly_.expect_directory(*frame, slot, listed);
    child->cached = frame->cached_child(slot);
    child->listed = std::move(listed);
    return child;
  }

  void count(const sources::ListedEntry& listed) {
    ++run_.counters.files;
    run_.counters.bytes += listed.entry.size;
  }

  void add_pending(PendingEntry entry) {
    if (entry.path.empty()) entry.path = entry.directory->path() + "/" + entry.listed.entry.name;
    batch_->bytes += entry.listed.entry.size;
    batch_->entries.push_back(std::move(entry));
    if (batch_->bytes >= batch_bytes || batch_->entries.size() >= batch_entries) submit_batch();
  }

  void submit_batch() {
    auto batch = std::exchange(batch_, std::make_shared<FileBatch>());
    ++batches_in_flight_;
    run_.pool.submit(Urgency::batch,
                     [batch, done = completions_, &run = run_](ChunkWriter& writer) {
                       take_batch(*batch, writer, run);
                       done->push(batch);
                     });
  }

  void complete(FileBatch& batch) {
    --batches_in_flight_;
    if (batch.large) --large_in_flight_;
    for (auto& entry : batch.entries) {
      if (entry.large) {
        submit_large(std::move(entry));
      } else {
        store_result(entry);
      }
    }
    if (!batch.entries.empty()) run_.report(batch.entries.back().path);
  }

  void store_result(PendingEntry& entry) {
    if (entry.taken) ++run_.counters.files_new;
    assembly_.complete(entry);
  }

  /// The result comes back as a batch of one: whole, failed, or to be tried again.
  void submit_large(PendingEntry entry) {
    const DataExtents extents(entry.listed.entry.size, entry.listed.entry.holes);
    if (extents.length() == 0) {
      entry.taken = true;
      entry.large.reset();
      store_result(entry);
      return;
    }
    ++batches_in_flight_;
    ++large_in_flight_;
    auto batch = std::make_shared<FileBatch>();
    batch->large = true;
    auto file = std::exchange(entry.large, nullptr);
    batch->entries.push_back(std::move(entry));
    run_.large_files.submit(
        file, extents,
        // Once pushed, the run may end while push is still waking it: so the queue is held.
        [batch, file, length = extents.length(), done = completions_,
         this](LargeFileReader::Result result) {
          settle_large(batch->entries.front(), *file, std::move(result), length);
          done->push(batch);
        });
  }

  /// On a worker's thread: is what was read what is there?
  void settle_large(PendingEntry& entry, sources::SourceFile& file, LargeFileReader::Result result,
                    std::uint64_t length) {
    run_.counters.bytes_read += result.bytes;
    if (!result.error.empty()) {
      run_.problems.add({entry.path, result.error_kind, result.error});
      return;
    }
    try {
      if (is_unchanged(entry, file) && result.bytes == length) {
        entry.chunks = std::move(result.chunks);
        entry.taken = true;
        return;
      }
      if (++entry.attempts >= attempts_max) return keep_as_read(entry, std::move(result), length);
      entry.large = entry.directory->open_file(entry.listed);
      entry.listed.entry.holes = entry.large->find_holes();
    } catch (const base::Error& error) {
      entry.large.reset();
      run_.problems.add({entry.path, error.kind(), error.what()});
    }
  }

  /// A large file that never stands still is taken as it was read last, unless it shrank.
  void keep_as_read(PendingEntry& entry, LargeFileReader::Result result, std::uint64_t length) {
    if (result.bytes != length) {
      throw base::Error(base::ErrorKind::conflict, "it became shorter each time it was read");
    }
    entry.listed.entry.size = length + hole_bytes(entry.listed.entry.holes);
    entry.chunks = std::move(result.chunks);
    entry.taken = true;
    entry.complete = false;
    run_.problems.add({entry.path, base::ErrorKind::conflict,
                       "it changed each time it was read: taken as it was read last"});
  }

  static std::uint64_t hole_bytes(const std::vector<sources::Hole>& holes) {
    std::uint64_t bytes = 0;
    for (const auto& hole : holes)
      bytes += hole.length;
    return bytes;
  }

  sources::TreeSource& source_;
  const RunState& run_;
  TreeAssembly assembly_;
  std::shared_ptr<Completions> completions_;
  std::shared_ptr<FileBatch> batch_ = std::make_shared<FileBatch>();
  std::vector<std::shared_ptr<DirectoryScan>> scans_;  // the next one last
  std::size_t batches_in_flight_ = 0;
  std::size_t large_in_flight_ = 0;
  bool walking_ = false;
};

}  // namespace

void back_up_tree(sources::TreeSource& source, const RunState& run,
                  repository::SnapshotItem& item) {
  item.path = source.path();
  item.ancestors = source.ancestors();
  item.root = TreeBackup(source, run).take();
  item.stamp.engine = "files";
}

}  // namespace holdfast::backup
