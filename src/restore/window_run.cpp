#include "window_run.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

namespace holdfast::restore {

namespace {

using base::Error;
using base::ErrorKind;
using Placement = FileTask::Placement;

/// Damage and unreadable sectors are a matter of the files that need them. The rest ends the run.
bool is_damage(const Error& error) {
  return error.kind() == ErrorKind::corrupt || error.kind() == ErrorKind::not_found ||
         error.kind() == ErrorKind::io;
}

}  // namespace

struct WindowRun::Worker {
  Worker(repository::Repository& repository, repository::ReadAhead& ahead, std::size_t which)
      : number(which), reader(repository, &ahead) {}

  const std::size_t number;
  repository::SegmentReader reader;
  base::Buffer scratch;
};

/// Hands out runs: every worker has a stretch, and takes from the end of the longest other one when
/// its own is done.
class WindowRun::RunQueue {
public:
  explicit RunQueue(const FetchPlan& plan) : runs_(plan.runs) {
    for (std::size_t i = 0; i + 1 < plan.stretches.size(); ++i)
      stretches_.push_back({plan.stretches[i], plan.stretches[i + 1]});
  }

  FetchPlan::Run take(std::size_t worker) {
    const std::lock_guard lock(mutex_);
    auto& own = stretches_[worker];
    if (own.first == own.last) {
      auto& longest = *std::ranges::max_element(
          stretches_, {}, [](const auto& stretch) { return stretch.last - stretch.first; });
      const std::size_t rest = longest.last - longest.first;
      if (rest == 0) return {};
      own = {longest.last - (rest + 1) / 2, longest.last};
      longest.last = own.first;
    }
    return runs_[own.first++];
  }

private:
  struct Stretch {
    std::size_t first;
    std::size_t last;
  };
  const std::vector<FetchPlan::Run>& runs_;
  std::mutex mutex_;
  std::vector<Stretch> stretches_;
};

WindowRun::WindowRun(const Context& context, FileWriter& writer, repository::ReadAhead& ahead,
                     unsigned threads)
    : context_(context), writer_(writer), planner_(ahead, threads), chunks_(context.repository) {
  for (unsigned i = 0; i < threads; ++i)
    workers_.push_back(std::make_unique<Worker>(context.repository, ahead, i));
}

WindowRun::~WindowRun() = default;

void WindowRun::in_parallel(const std::function<void(Worker&, const std::stop_token&)>& work) {
  base::TaskGroup group(context_.stopping);
  for (const auto& worker : workers_)
    group.spawn([&work, &worker](std::stop_token stopping) { work(*worker, stopping); });
  group.join();
}

void WindowRun::run(Window& window) {
  compare_what_is_there(window);
  compare_pieces(window);
  if (context_.request.dry_run) {
    planner_.plan_only(window);
  } else if (!window.fetch.made) {
    planner_.plan(window);
  }
  count_plan(window);
  skip_unwanted(window);
  fetch(window);
}

void WindowRun::compare_what_is_there(Window& window) {
  const bool anything =
      !window.complete.empty() ||
      std::any_of(window.files.begin(), window.files.end(),
                  [](const FileRef& task) { return task->placement == Placement::undecided; });
  if (!anything) return;
  std::atomic<std::size_t> next = 0;
  const std::size_t count = window.files.size() + window.complete.size();
  in_parallel([&](Worker& worker, const std::stop_token& stopping) {
    for (std::size_t i = next++; i < count; i = next++) {
      base::check_cancelled(stopping);
      if (i < window.files.size()) {
        compare_file(*window.files[i], window, worker);
        continue;
      }
      FileTask& task = *window.complete[i - window.files.size()];
      writer_.compare(task, window, worker.scratch);
      writer_.done(task, 1, worker.scratch);
    }
  });
}

void WindowRun::compare_file(FileTask& task, Window& window, Worker& worker) {
  if (task.placement != Placement::undecided || task.piece_count == 0) return;
  writer_.compare(task, window, worker.scratch);
  if (task.placement != Placement::keep) return;
  const auto pieces = std::span(window.pieces).subspan(task.first_piece, task.piece_count);
  context_.report.bytes_done(task.entry.size);
  for (Piece& piece : pieces) {
    piece.wanted = false;
    piece.file = nullptr;
  }
  writer_.done(task, pieces.size(), worker.scratch);
}

void WindowRun::compare_pieces(Window& window) {
  std::vector<Piece*> compared;
  for (Piece& piece : window.pieces)
    if (piece.file != nullptr && piece.wanted && piece.file->placement == Placement::mend)
      compared.push_back(&piece);
  if (compared.empty()) return;
  std::atomic<std::size_t> next = 0;
  in_parallel([&](Worker& worker, const std::stop_token& stopping) {
    for (std::size_t i = next++; i < compared.size(); i = next++) {
      base::check_cancelled(stopping);
      Piece& piece = *compared[i];
      piece.wanted = !writer_.has_piece(*piece.file, piece, window, worker.scratch);
      if (!piece.wanted) context_.report.bytes_done(piece.location.length);
    }
  });
}

void WindowRun::count_plan(const Window& window) {
  auto& count = context_.report.count;
  for (const std::uint32_t i : window.fetch.order) {
    const Piece& piece = window.pieces[i];
    for (std::uint32_t e = 0; e < piece.extent_count; ++e)
      count.bytes_to_write += window.extents[piece.first_extent + e].length;
  }
  for (const WantedSegment& segment : window.fetch.segments) {
    count.bytes_to_fetch += segment.location.stored_size;
    if (!packs_.insert(segment.location.pack).second) continue;
    const auto pack = context_.repository.index().pack(segment.location.pack);
    context_.report.needs({pack.id, pack.size});
  }
}

void WindowRun::skip_unwanted(Window& window) {
  Worker& worker = *workers_.front();
  for (Piece& piece : window.pieces) {
    if (piece.file == nullptr) continue;
    if (context_.request.dry_run && piece.wanted) piece.file->touched = true;
    if (piece.wanted && !context_.request.dry_run) continue;
    writer_.done(*piece.file, 1, worker.scratch);
    piece.file = nullptr;
  }
}

void WindowRun::fetch(Window& window) {
  if (context_.request.dry_run || window.fetch.segments.empty()) return;
  RunQueue queue(window.fetch);
  in_parallel([&](Worker& worker, const std::stop_token& stopping) {
    for (auto run = queue.take(worker.number); !run.empty(); run = queue.take(worker.number)) {
      base::check_cancelled(stopping);
      fetch_run(window, run, worker);
    }
  });
}

void WindowRun::fetch_run(Window& window, FetchPlan::Run segments, Worker& worker) {
  std::vector<repository::SegmentLocation> locations;
  for (const WantedSegment& segment : segments)
    locations.push_back(segment.location);
  std::vector<bool> visited(segments.size());
  try {
    worker.reader.read_many(locations, [&](std::size_t which, base::ByteView bytes) {
      visited[which] = true;
      write_segment(window, segments[which], bytes, worker);
    });
    return;
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
  }
  // One of them is damaged or gone: the others still give what they have.
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (visited[i]) continue;
    try {
      const auto bytes = worker.reader.read(segments[i].location);
      write_segment(window, segments[i], bytes, worker);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      write_copies(window, segments[i], error.what(), worker);
    }
  }
}

void WindowRun::write_segment(Window& window, const WantedSegment& segment, base::ByteView bytes,
                              Worker& worker) {
  const Piece* verified = nullptr;
  std::string damage;
  for (std::uint32_t at = segment.first; at < segment.first + segment.count; ++at) {
    Piece& piece = window.pieces[window.fetch.order[at]];
    const auto& location = piece.location;
    const bool same = verified != nullptr && verified->id == piece.id &&
                      verified->location.offset == location.offset;
    if (!same) {
      damage.clear();
      verified = &piece;
      if (std::uint64_t{location.offset} + location.length > bytes.size()) {
        damage = "a chunk lies outside its segment";
      } else {
        try {
          repository::verify_chunk(context_.repository.keys(), piece.id,
                                   bytes.subspan(location.offset, location.length));
        } catch (const Error& error) {
          damage = error.what();
        }
      }
    }
    if (!damage.empty()) {
      write_or_fail(window, piece, damage, worker);
      continue;
    }
    FileTask& task = *piece.file;
    writer_.write(task, piece, window, bytes.subspan(location.offset, location.length),
                  worker.scratch);
    piece.file = nullptr;
    writer_.done(task, 1, worker.scratch);
  }
}

void WindowRun::write_copies(Window& window, const WantedSegment& segment, const std::string& why,
                             Worker& worker) {
  for (std::uint32_t at = segment.first; at < segment.first + segment.count; ++at) {
    Piece& piece = window.pieces[window.fetch.order[at]];
    if (piece.file != nullptr) write_or_fail(window, piece, why, worker);
  }
}

/// `why` is what is wrong with the place where the piece was looked for first.
void WindowRun::write_or_fail(Window& window, Piece& piece, const std::string& why,
                              Worker& worker) {
  FileTask& task = *piece.file;
  if (const auto chunk = chunks_.hold_elsewhere(piece.id, piece.location)) {
    writer_.write(task, piece, window, chunk->bytes, worker.scratch);
  } else {
    writer_.fail(task, why);
  }
  piece.file = nullptr;
  writer_.done(task, 1, worker.scratch);
}

}  // namespace holdfast::restore
