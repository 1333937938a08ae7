#include "check_packs.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "check_elsewhere.hpp"
#include "pack_verifier.hpp"
#include "repository/elsewhere.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <variant>

namespace holdfast::repository {

using base::Error;

namespace {

struct PackTask {
  const IndexedPack* pack = nullptr;
  bool whole = false;  // read it, or only look at its outside
};

/// Hands out work so that all threads read until the end: pieces of opened packs first, then packs
/// to open. At most one pack a thread is open.
class PackQueue {
public:
  explicit PackQueue(std::vector<PackTask> tasks) : tasks_(std::move(tasks)) {}

  using Work = std::variant<std::monostate, PackPiece, PackTask>;
  /// Nothing when all is done. Who gets a pack must call opened() next.
  Work next(const std::stop_token& stopping) {
    base::check_cancelled(stopping);  // the wait below does not look while there is work
    std::unique_lock lock(mutex_);
    const auto ready = [&] { return !pieces_.empty() || next_ < tasks_.size() || opening_ == 0; };
    if (!changed_.wait(lock, stopping, ready)) throw base::Cancelled();
    if (!pieces_.empty()) {
      auto piece = std::move(pieces_.front());
      pieces_.pop_front();
      return piece;
    }
    if (next_ == tasks_.size()) return {};
    ++opening_;
    return tasks_[next_++];
  }
  void opened(std::vector<PackPiece> pieces) {
    const std::lock_guard lock(mutex_);
    --opening_;
    for (auto& piece : pieces)
      pieces_.push_back(std::move(piece));
    changed_.notify_all();
  }

private:
  const std::vector<PackTask> tasks_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<PackPiece> pieces_;
  std::size_t next_ = 0;
  std::size_t opening_ = 0;
};

/// Tells the log of each pack whose last piece was verified.
class PackReadings {
public:
  PackReadings(ReadLog& log, const CheckFindings& findings) : log_(log), findings_(findings) {}

  /// To be called before any piece can be verified.
  void begin(const base::PackId& id, std::size_t pieces) {
    if (pieces == 0) return done(id);
    const std::lock_guard lock(mutex_);
    left_[id] = pieces;
  }
  void piece_done(const base::PackId& id) {
    {
      const std::lock_guard lock(mutex_);
      const auto at = left_.find(id);
      if (--at->second != 0) return;
      left_.erase(at);
    }
    done(id);
  }

private:
  void done(const base::PackId& id) {
    log_.note(id, findings_.has(pack_object_name(id)) ? ReadResult::damaged : ReadResult::whole);
  }

  ReadLog& log_;
  const CheckFindings& findings_;
  std::mutex mutex_;  // guards left_
  std::map<base::PackId, std::size_t> left_;
};

struct PacksInStore {
  std::vector<base::PackId> ids;            // of all, sorted
  std::vector<const IndexedPack*> indexed;  // by id
  std::vector<const IndexedPack*> away;     // that another store has instead, by id
  std::set<base::PackId> archived;          // of these, and of those that no index names
};

/// The packs that are there; those without the size that the index says are noted.
PacksInStore compare_with_store(Repository& repository, const std::vector<IndexedPack>& packs,
                                CheckFindings& findings, CheckReport& report) {
  struct Stored {
    base::PackId id;
    std::uint64_t size = 0;
  };
  std::vector<Stored> stored;
  PacksInStore present;
  repository.backend().list("packs/", [&](const storage::ObjectInfo& object) {
    try {
      const auto id =
          base::PackId::from_hex(std::string_view(object.name).substr(object.name.rfind('/') + 1));
      if (pack_object_name(id) != object.name) return;
      stored.push_back({id, object.size});
      if (object.is_archived) present.archived.insert(id);
    } catch (const Error&) {
      findings.add(object.name, "is not a pack");
    }
  });
  std::sort(stored.begin(), stored.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  for (const auto& pack : stored)
    present.ids.push_back(pack.id);
  std::optional<std::set<base::PackId>> away;  // listed when something is missing, after the packs
  auto at = stored.begin();
  for (const auto& pack : packs) {
    at = std::lower_bound(at, stored.end(), pack.info.id,
                          [](const auto& a, const auto& b) { return a.id < b; });
    if (at == stored.end() || at->id != pack.info.id) {
      if (!away) away = list_marked_packs(repository.backend()).away;
      const auto name = pack_object_name(pack.info.id);
      if (away->contains(pack.info.id)) {
        present.away.push_back(&pack);
      } else if (!repository.backend().stat(name)) {  // else it just came back
        findings.miss_pack(pack.info.id, name);
      }
      continue;
    }
    if (at->size != pack.info.size) {
      findings.add(pack_object_name(pack.info.id),
                   fmt::format("has {} bytes, {} were written", at->size, pack.info.size));
    }
    present.indexed.push_back(&pack);
  }
  const auto found = static_cast<std::uint64_t>(present.indexed.size());
  report.unused_packs = stored.size() - std::min<std::uint64_t>(found, stored.size());
  return present;
}

/// Names packs in no index segment that stand under a name that is not theirs: runs that were
/// interrupted leave packs, and nobody leaves copies.
void find_duplicates(Repository& repository, const PacksInStore& present, CheckFindings& findings) {
  for (const auto& id : present.ids) {
    const auto known = std::ranges::binary_search(
        present.indexed, id, {},
        [](const IndexedPack* pack) -> const auto& { return pack->info.id; });
    if (known || present.archived.contains(id)) continue;
    const auto name = pack_object_name(id);
    try {
      std::array<std::byte, pipeline::pack_header_size> bytes;
      const auto size = repository.backend().read(name, 0, bytes);
      const auto header = pipeline::parse_pack_header(base::ByteView(bytes).first(size));
      if (header.pack != id) findings.add(name, "is a copy of " + pack_object_name(header.pack));
    } catch (const Error& error) {
      if (!is_damage(error)) throw;  // nobody needs it
    }
  }
}

/// Takes out what cannot be read without being thawed.
void leave_frozen(PacksInStore& present, CheckReport& report) {
  std::erase_if(present.indexed, [&](const IndexedPack* pack) {
    if (!present.archived.contains(pack->info.id)) return false;
    ++report.packs_frozen;
    report.bytes_frozen += pack->info.size;
    return true;
  });
}

/// Those to be read first, in their order; then all others.
std::vector<PackTask> plan_tasks(const std::vector<const IndexedPack*>& present, ReadLog& log) {
  std::vector<ReadLog::Pack> candidates;
  std::map<base::PackId, const IndexedPack*> rest;
  for (const auto* pack : present) {
    candidates.push_back({pack->info.id, pack->info.size});
    rest.emplace(pack->info.id, pack);
  }
  std::vector<PackTask> tasks;
  for (const auto& chosen : log.choose(std::move(candidates)))
    tasks.push_back({rest.extract(chosen.id).mapped(), true});
  for (const auto& [id, pack] : rest)
    tasks.push_back({pack, false});
  return tasks;
}

/// What all threads report together.
class PackProgress {
public:
  PackProgress(const std::vector<PackTask>& tasks, base::ProgressObserver& observer)
      : observer_(observer), packs_(tasks.size()) {
    for (const auto& task : tasks)
      bytes_total_ += task.whole ? task.pack->info.size : 0;
  }
  void pack_opened() { ++packs_done_; }
  void read(std::uint64_t bytes) { bytes_read_ += bytes; }
  std::uint64_t bytes_read() const { return bytes_read_; }
  void tell() const {
    base::Progress now;
    now.phase = "check";
    now.items_done = packs_done_;
    now.items_total = packs_;
    now.bytes_done = bytes_read_;
    now.bytes_total = bytes_total_;
    observer_.on_progress(now);
  }

private:
  base::ProgressObserver& observer_;
  const std::uint64_t packs_;
  std::uint64_t bytes_total_ = 0;
  std::atomic<std::uint64_t> packs_done_ = 0;
  std::atomic<std::uint64_t> bytes_read_ = 0;
};

/// What each thread does until no pack is left.
class PackWork {
public:
  PackWork(Repository& repository, const PackPlaces& places, PackQueue& queue,
           PackReadings& readings, PackProgress& done, CheckFindings& findings)
      : repository_(repository),
        places_(places),
        queue_(queue),
        readings_(readings),
        done_(done),
        findings_(findings) {}

  void run(const std::stop_token& token) {
    PackVerifier verifier(repository_, places_, findings_);
    for (;;) {
      const auto next = queue_.next(token);
      if (const auto* piece = std::get_if<PackPiece>(&next)) {
        bytes_verified_ += verifier.verify(*piece);
        done_.read(piece->end - piece->begin);
        readings_.piece_done(piece->pack->pack->info.id);
      } else if (const auto* task = std::get_if<PackTask>(&next)) {
        open(verifier, *task);
      } else {
        return;
      }
      done_.tell();
    }
  }
  std::uint64_t bytes_verified() const { return bytes_verified_; }

private:
  void open(PackVerifier& verifier, const PackTask& task) {
    auto opened = verifier.open(*task.pack);
    std::vector<PackPiece> pieces;
    if (task.whole) {
      if (opened) pieces = verifier.prepare(std::move(*opened));
      readings_.begin(task.pack->info.id, pieces.size());
    }
    queue_.opened(std::move(pieces));
    done_.pack_opened();
  }

  Repository& repository_;
  const PackPlaces& places_;
  PackQueue& queue_;
  PackReadings& readings_;
  PackProgress& done_;
  CheckFindings& findings_;
  std::atomic<std::uint64_t> bytes_verified_ = 0;
};

}  // namespace

void check_packs(Repository& repository, const std::vector<IndexedPack>& packs,
                 const CheckOptions& options, base::ProgressObserver& progress,
                 CheckFindings& findings, CheckReport& report, ReadLog& log,
                 std::stop_token stopping) {
  auto present = compare_with_store(repository, packs, findings, report);
  find_duplicates(repository, present, findings);
  leave_frozen(present, report);
  const auto places = look_elsewhere(repository, present.away, options, findings, report);
  for (const auto* pack : present.away) {
    if (places.contains(pack->info.id)) present.indexed.push_back(pack);
    present.ids.push_back(pack->info.id);
  }
  std::ranges::sort(present.ids);
  auto tasks = plan_tasks(present.indexed, log);
  PackProgress done(tasks, progress);
  PackQueue queue(std::move(tasks));
  PackReadings readings(log, findings);
  PackWork work(repository, places, queue, readings, done, findings);
  log.keep([&] {
    base::TaskGroup group(std::move(stopping));
    for (unsigned i = 0; i < options.threads; ++i)
      group.spawn([&](const std::stop_token& token) { work.run(token); });
    group.join();
  });
  log.finish(present.ids);
  report.packs = packs.size();
  for (const auto& pack : packs)
    report.chunks += pack.chunks;
  report.bytes_read = done.bytes_read();
  report.bytes_verified = work.bytes_verified();
}

}  // namespace holdfast::repository
