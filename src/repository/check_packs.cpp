#include "check_packs.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "pack_verifier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <variant>

namespace holdfast::repository {

using base::Error;

namespace {

/// Hands out work so that all threads read until the end: pieces of opened packs first, then packs
/// to open. At most one pack a thread is open.
class PackQueue {
public:
  explicit PackQueue(std::vector<const IndexedPack*> packs) : packs_(std::move(packs)) {}

  using Work = std::variant<std::monostate, PackPiece, const IndexedPack*>;
  /// Nothing when all is done. Who gets a pack must call opened() next.
  Work next(const std::stop_token& stopping) {
    std::unique_lock lock(mutex_);
    const auto ready = [&] { return !pieces_.empty() || next_ < packs_.size() || opening_ == 0; };
    if (!changed_.wait(lock, stopping, ready)) throw base::Cancelled();
    if (!pieces_.empty()) {
      auto piece = std::move(pieces_.front());
      pieces_.pop_front();
      return piece;
    }
    if (next_ == packs_.size()) return {};
    ++opening_;
    return packs_[next_++];
  }
  void opened(std::vector<PackPiece> pieces) {
    const std::lock_guard lock(mutex_);
    --opening_;
    for (auto& piece : pieces)
      pieces_.push_back(std::move(piece));
    changed_.notify_all();
  }

private:
  const std::vector<const IndexedPack*> packs_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<PackPiece> pieces_;
  std::size_t next_ = 0;
  std::size_t opening_ = 0;
};

/// The packs that are there with the size that the index says; others are noted.
std::vector<const IndexedPack*> compare_with_store(Repository& repository,
                                                   const std::vector<IndexedPack>& packs,
                                                   CheckFindings& findings, CheckReport& report) {
  struct Stored {
    base::PackId id;
    std::uint64_t size = 0;
  };
  std::vector<Stored> stored;
  repository.backend().list("packs/", [&](const storage::ObjectInfo& object) {
    try {
      const auto id =
          base::PackId::from_hex(std::string_view(object.name).substr(object.name.rfind('/') + 1));
      if (pack_object_name(id) == object.name) stored.push_back({id, object.size});
    } catch (const Error&) {
      findings.add(object.name, "is not a pack");
    }
  });
  std::sort(stored.begin(), stored.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  std::vector<const IndexedPack*> present;
  auto at = stored.begin();
  for (const auto& pack : packs) {
    at = std::lower_bound(at, stored.end(), pack.info.id,
                          [](const auto& a, const auto& b) { return a.id < b; });
    if (at == stored.end() || at->id != pack.info.id) {
      findings.add(pack_object_name(pack.info.id), "is missing");
      findings.lose_pack(pack.info.id);
      continue;
    }
    if (at->size != pack.info.size) {
      findings.add(pack_object_name(pack.info.id),
                   fmt::format("has {} bytes, {} were written", at->size, pack.info.size));
    }
    present.push_back(&pack);
  }
  const auto found = static_cast<std::uint64_t>(present.size());
  report.unused_packs = stored.size() - std::min<std::uint64_t>(found, stored.size());
  return present;
}

/// What all threads report together.
class PackProgress {
public:
  PackProgress(const std::vector<const IndexedPack*>& packs, base::ProgressObserver& observer)
      : observer_(observer), packs_(packs.size()) {
    for (const auto* pack : packs)
      bytes_total_ += pack->info.size;
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

}  // namespace

void check_packs(Repository& repository, const std::vector<IndexedPack>& packs,
                 const CheckOptions& options, base::ProgressObserver& progress,
                 CheckFindings& findings, CheckReport& report, std::stop_token stopping) {
  const auto present = compare_with_store(repository, packs, findings, report);
  PackQueue queue(present);
  PackProgress done(present, progress);
  std::atomic<std::uint64_t> bytes_verified = 0;
  base::TaskGroup group(std::move(stopping));
  const auto work = [&](const std::stop_token& token) {
    PackVerifier verifier(repository, findings);
    for (;;) {
      const auto next = queue.next(token);
      if (const auto* piece = std::get_if<PackPiece>(&next)) {
        bytes_verified += verifier.verify(*piece);
        done.read(piece->end - piece->begin);
      } else if (const auto* pack = std::get_if<const IndexedPack*>(&next)) {
        auto opened = verifier.open(**pack);
        const bool whole = opened && options.read_data;
        queue.opened(whole ? verifier.prepare(std::move(*opened)) : std::vector<PackPiece>{});
        done.pack_opened();
      } else {
        return;
      }
      done.tell();
    }
  };
  for (unsigned i = 0; i < options.threads; ++i)
    group.spawn(work);
  group.join();
  report.packs = packs.size();
  for (const auto& pack : packs)
    report.chunks += pack.chunks;
  report.bytes_read = done.bytes_read();
  report.bytes_verified = bytes_verified;
}

}  // namespace holdfast::repository
