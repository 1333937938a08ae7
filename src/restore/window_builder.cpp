// The part of the planner that turns contents into pieces and windows.

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "content_map.hpp"
#include "planner.hpp"
#include "repository/paged_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::restore {

using Placement = FileTask::Placement;

void Planner::add_to_window(const FileRef& task) {
  if (window_->files.empty() || window_->files.back() != task) window_->files.push_back(task);
}

void Planner::add_chunks(const FileRef& task, const std::vector<base::ChunkId>& chunks) {
  const std::uint64_t size = task->map->data_size();
  // What is compared as a whole must lie in one window.
  const bool splits = window_->bytes + size > Window::bytes_max && !window_->empty();
  if (window_->full() || (splits && task->placement == Placement::undecided)) hand_over();
  add_to_window(task);
  task->first_piece = static_cast<std::uint32_t>(window_->pieces.size());
  std::size_t begin = window_->pieces.size();
  for (const auto& chunk : chunks) {
    // A window that this file filled by being one more takes its first piece all the same.
    if (window_->full() && window_->pieces.size() > begin) {
      if (task->placement == Placement::undecided) task->placement = Placement::replace;
      hand_over();
      base::check_cancelled(stopping_);
      add_to_window(task);
      begin = window_->pieces.size();
    }
    window_->pieces.push_back({task.get(), chunk, {}, 0, 0, true});
    window_->bytes += size / chunks.size();
    task->left.fetch_add(1, std::memory_order_relaxed);
  }
  end_of(task);
}

void Planner::add_pages(const FileRef& task) {
  const auto& content = *task->paged;
  add_to_window(task);
  if (task->failed || task->placement == Placement::keep) return end_of(task);
  auto& chunks = context_.repository.chunks();
  try {
    const auto blocks = block_count_of(content, task->entry.size);
    std::uint64_t first_block = 0;
    for (const auto& leaf : repository::read_map(content.map_root, blocks, chunks)) {
      base::check_cancelled(stopping_);
      const auto references = repository::decode_map_page(chunks.load(leaf));
      const auto count =
          std::min<std::uint64_t>(repository::blocks_per_map_page, blocks - first_block);
      if (references.size() != count)
        throw base::Error(base::ErrorKind::corrupt, "a map page has another number of blocks");
      if (window_->full()) hand_over();
      add_to_window(task);
      for (const auto& piece : gather_blocks(content, first_block, references)) {
        const auto first = static_cast<std::uint32_t>(window_->extents.size());
        window_->pieces.push_back({task.get(),
                                   piece.superblock,
                                   {},
                                   first,
                                   static_cast<std::uint32_t>(piece.extents.size()),
                                   true});
        for (const auto& extent : piece.extents) {
          window_->extents.push_back(extent);
          window_->bytes += extent.length;
        }
        task->left.fetch_add(1, std::memory_order_relaxed);
      }
      first_block += count;
    }
  } catch (const base::Error& error) {
    if (!concerns_one_entry(error)) throw;
    writer_.fail(*task, error.what());
  }
  end_of(task);
}

void Planner::end_of(const FileRef& task) {
  task->planned = true;
  const bool has_piece_here = !window_->pieces.empty() && window_->pieces.back().file == task.get();
  if (has_piece_here) {
    // A piece that nobody has taken yet holds the file from here on.
    task->left.fetch_sub(1, std::memory_order_relaxed);
  } else {
    window_->complete.push_back(task.get());
  }
}

void Planner::hand_over() {
  if (window_->empty()) return;
  locate();
  place_pieces();
  if (!context_.request.dry_run) fetch_.plan_if_clear(*window_);
  windows_.push(std::exchange(window_, std::make_unique<Window>()), 1, stopping_);
}

void Planner::finish() {
  hand_over();
  windows_.close();
}

void Planner::locate() {
  std::vector<base::ChunkId> ids;
  ids.reserve(window_->pieces.size());
  for (const Piece& piece : window_->pieces)
    ids.push_back(piece.id);
  auto found = context_.repository.index().find_all(ids);
  const auto is_missing = [](const auto& location) { return !location.has_value(); };
  if (std::ranges::any_of(found, is_missing) && context_.repository.find_unindexed_packs()) {
    found = context_.repository.index().find_all(ids);
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Piece& piece = window_->pieces[i];
    if (found[i]) {
      piece.location = *found[i];
    } else {
      piece.wanted = false;
      writer_.fail(*piece.file,
                   fmt::format("the repository has no chunk {} of it", piece.id.short_hex()));
    }
  }
}

void Planner::place_pieces() {
  for (Piece& piece : window_->pieces) {
    FileTask& task = *piece.file;
    if (task.failed) {
      piece.wanted = false;
      continue;
    }
    try {
      if (task.map) {
        piece.first_extent = static_cast<std::uint32_t>(window_->extents.size());
        piece.extent_count = task.map->place(piece.location.length, window_->extents);
        ++task.piece_count;
      }
      for (std::uint32_t i = 0; i < piece.extent_count; ++i) {
        const auto& extent = window_->extents[piece.first_extent + i];
        if (std::uint64_t{extent.chunk_offset} + extent.length > piece.location.length)
          throw base::Error(base::ErrorKind::corrupt, "a block of it lies outside its chunk");
      }
    } catch (const base::Error& error) {
      writer_.fail(task, error.what());
      piece.wanted = false;
    }
  }
  for (const FileRef& task : window_->files) {
    if (!task->map || !task->planned) continue;
    if (!task->failed && !task->map->complete())
      writer_.fail(*task, "its chunks hold less than its size");
    task->map.reset();
  }
}

}  // namespace holdfast::restore
