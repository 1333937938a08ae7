#include "file_writer.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "crypto/blake3.hpp"
#include "hard_links.hpp"
#include "safe_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/file.h>

namespace holdfast::restore {

namespace {

using base::Error;
using base::ErrorKind;
using Placement = FileTask::Placement;

// Beyond this, files whose next piece is not at hand are closed on the way.
constexpr std::uint64_t open_files_max = 400;
constexpr std::size_t read_size = 1024 * 1024;
constexpr std::size_t compared_size = 256 * 1024;
constexpr std::array journal_suffixes = {"-wal", "-shm", "-journal"};

std::span<const Extent> extents_of(const Piece& piece, const Window& window) {
  return std::span(window.extents).subspan(piece.first_extent, piece.extent_count);
}

/// The chunk as it stands in the file; only for pieces that cover all of their chunk.
bool reads_back(int fd, const FileTask& task, const Piece& piece, const Window& window,
                base::Buffer& scratch, const repository::KeyBundle& keys) {
  const std::size_t length = piece.location.length;
  if (scratch.capacity() < length) scratch.reserve_discarding(length);
  const auto whole = scratch.all().first(length);
  for (const Extent& extent : extents_of(piece, window)) {
    const auto into = whole.subspan(extent.chunk_offset, extent.length);
    if (base::read_at(fd, extent.file_offset, into, task.entry.name) != into.size()) return false;
  }
  return keys.chunk_id(whole) == piece.id;
}

/// Whether the file holds `chunk`, which is verified, where the piece goes. Compared in parts that
/// stay in a core's cache: hashing what was read would cost as much as decompressing it.
bool holds(int fd, const FileTask& task, const Piece& piece, const Window& window,
           base::ByteView chunk, base::Buffer& scratch) {
  if (scratch.capacity() < compared_size) scratch.reserve_discarding(compared_size);
  for (const Extent& extent : extents_of(piece, window)) {
    for (std::uint64_t at = 0; at < extent.length; at += compared_size) {
      const auto wanted = chunk.subspan(extent.chunk_offset + at,
                                        std::min<std::uint64_t>(compared_size, extent.length - at));
      const auto into = scratch.all().first(wanted.size());
      if (base::read_at(fd, extent.file_offset + at, into, task.entry.name) != into.size() ||
          std::memcmp(into.data(), wanted.data(), wanted.size()) != 0)
        return false;
    }
  }
  return true;
}

/// Whether all bytes of the holes are zero, without reading what was never written.
bool holes_are_empty(int fd, const FileTask& task, base::Buffer& scratch,
                     const std::stop_token& stopping) {
  if (scratch.capacity() < read_size) scratch.reserve_discarding(read_size);
  for (const auto& hole : task.entry.holes) {
    const std::uint64_t end = hole.offset + hole.length;
    for (std::uint64_t at = hole.offset; at < end;) {
      base::check_cancelled(stopping);
      const off_t data = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
      if (data < 0 && errno == ENXIO) break;
      if (data >= 0) at = std::max(at, static_cast<std::uint64_t>(data));
      if (at >= end) break;
      const auto into = scratch.all().first(std::min<std::uint64_t>(read_size, end - at));
      const auto count = base::read_at(fd, at, into, task.entry.name);
      if (count == 0) return false;
      if (std::any_of(into.begin(), into.begin() + static_cast<std::ptrdiff_t>(count),
                      [](std::byte byte) { return byte != std::byte{0}; }))
        return false;
      at += count;
    }
  }
  return true;
}

void give_size(int fd, const FileTask& task, bool sparse) {
  if (sparse) {
    if (::ftruncate(fd, static_cast<off_t>(task.entry.size)) != 0)
      throw base::system_error(errno, "giving it its size");
  } else if (const int code = ::posix_fallocate(fd, 0, static_cast<off_t>(task.entry.size))) {
    throw base::system_error(code, "reserving its size");
  }
}

/// Gives a file its size and makes its holes empty; false where the filesystem cannot.
bool make_room_for_mending(int fd, FileTask& task, const std::stop_token& stopping) {
  if (static_cast<std::uint64_t>(status_of(fd, task.entry.name).st_size) != task.entry.size &&
      ::ftruncate(fd, static_cast<off_t>(task.entry.size)) != 0)
    return false;
  base::Buffer scratch;
  if (holes_are_empty(fd, task, scratch, stopping)) return true;
  task.touched = true;
  for (const auto& hole : task.entry.holes) {
    if (hole.length != 0 &&
        ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(hole.offset),
                    static_cast<off_t>(hole.length)) != 0)
      return false;
  }
  return true;
}

bool starts_with_size(const FileTask& task) {
  return task.entry.size != 0 && (task.paged != nullptr || !task.entry.holes.empty());
}

}  // namespace

bool is_journal_of(std::string_view name, std::string_view database) {
  return name.starts_with(database) &&
         std::find(journal_suffixes.begin(), journal_suffixes.end(),
                   name.substr(database.size())) != journal_suffixes.end();
}

void remove_journals(const Context& context, const Directory& directory, const std::string& name) {
  if (directory.state() != Directory::State::existing) return;
  const auto handle = context.handles.open(directory);
  for (const char* suffix : journal_suffixes) {
    const auto journal = name + suffix;
    const auto status = status_at(handle->get(), journal);
    if (!status || S_ISDIR(status->st_mode)) continue;
    const auto path = directory.path_of(journal);
    context.report.deletes(path);
    if (context.request.dry_run) continue;
    if (remove_name(handle->get(), journal, path)) ++context.report.count.deleted;
  }
}

bool has_paged_content(int fd, const repository::PagedContent& content, const std::string& name,
                       base::Buffer& scratch, const std::stop_token& stopping) {
  if (scratch.capacity() < read_size) scratch.reserve_discarding(read_size);
  crypto::Blake3 hash;
  std::uint64_t at = 0;
  while (at < content.size) {
    base::check_cancelled(stopping);
    const auto into = scratch.all().first(std::min<std::uint64_t>(read_size, content.size - at));
    const auto count = base::read_at(fd, at, into, name);
    if (count == 0) return false;
    hash.update(into.first(count));
    at += count;
  }
  return hash.finish() == content.file_hash;
}

FileWriter::File FileWriter::create(FileTask& task, int directory) {
  std::string name = task.entry.name;
  if (task.placement == Placement::replace) name = temporary_name(context_);
  auto file = std::make_shared<const base::Fd>(create_file(directory, name, task.entry.name));
  if (task.placement == Placement::replace) {
    task.temporary = name;
    ::flock(file->get(), LOCK_EX | LOCK_NB);  // nobody else knows the name: cannot fail
  }
  task.touched = true;
  if (starts_with_size(task)) give_size(file->get(), task, context_.request.sparse);
  return file;
}

FileWriter::File FileWriter::reopen(FileTask& task, int directory) {
  const auto& name = task.temporary.empty() ? task.entry.name : task.temporary;
  auto file = open_existing_file(directory, name, O_RDWR);
  if (file) {
    const auto status = status_of(file->get(), name);
    if (task.inode == std::pair(status.st_dev, status.st_ino)) {
      if (!task.temporary.empty()) ::flock(file->get(), LOCK_EX | LOCK_NB);
      return std::make_shared<const base::Fd>(std::move(*file));
    }
  }
  throw Error(ErrorKind::conflict, "something else took its name while it was restored");
}

FileWriter::File FileWriter::open(FileTask& task) {
  const std::lock_guard lock(task.mutex);
  if (task.file) return task.file;
  const auto directory = context_.handles.open(*task.directory);
  task.file = task.inode ? reopen(task, directory->get()) : create(task, directory->get());
  ++open_files_;
  return task.file;
}

void FileWriter::close_if_many(FileTask& task) {
  if (open_files_ <= open_files_max) return;
  const std::lock_guard lock(task.mutex);
  if (!task.file) return;
  const auto status = status_of(task.file->get(), task.entry.name);
  task.inode = {status.st_dev, status.st_ino};
  task.file.reset();
  --open_files_;
}

bool FileWriter::content_is_right(FileTask& task, const Window& window, int fd,
                                  base::Buffer& scratch) {
  if (static_cast<std::uint64_t>(status_of(fd, task.entry.name).st_size) != task.entry.size)
    return false;
  if (task.paged)
    return has_paged_content(fd, *task.paged, task.entry.name, scratch, context_.stopping);
  const auto pieces = std::span(window.pieces).subspan(task.first_piece, task.piece_count);
  for (const Piece& piece : pieces) {
    base::check_cancelled(context_.stopping);
    if (!reads_back(fd, task, piece, window, scratch, context_.repository.keys())) return false;
  }
  return holes_are_empty(fd, task, scratch, context_.stopping);
}

bool FileWriter::begin_mending(FileTask& task) {
  const bool dry = context_.request.dry_run;
  const auto directory = context_.handles.open(*task.directory);
  auto file = open_existing_file(directory->get(), task.entry.name, dry ? O_RDONLY : O_RDWR);
  if (!file) return false;
  const auto status = status_of(file->get(), task.entry.name);
  // Another name of the inode would change with it.
  if (status.st_nlink != 1 || static_cast<std::uint64_t>(status.st_size) < mended_size_min)
    return false;
  if (static_cast<std::uint64_t>(status.st_size) != task.entry.size) task.touched = true;
  if (!dry && !make_room_for_mending(file->get(), task, context_.stopping)) return false;
  task.file = std::make_shared<const base::Fd>(std::move(*file));
  task.placement = Placement::mend;
  ++open_files_;
  return true;
}

void FileWriter::compare(FileTask& task, const Window& window, base::Buffer& scratch) {
  if (task.failed || task.placement != Placement::undecided) return;
  task.placement = Placement::replace;
  try {
    const auto directory = context_.handles.open(*task.directory);
    auto file = open_existing_file(directory->get(), task.entry.name, O_RDONLY);
    if (!file || !content_is_right(task, window, file->get(), scratch)) return;
    // Other names of the inode may be no business of ours: it is left alone or not used at all.
    if (status_of(file->get(), task.entry.name).st_nlink > 1 &&
        context_.metadata.apply_to_existing(file->get(), task.entry, task.path(),
                                            Metadata::Act::look_only))
      return;
    task.placement = Placement::keep;
    task.file = std::make_shared<const base::Fd>(std::move(*file));
    ++open_files_;
  } catch (const Error& error) {
    if (!concerns_one_entry(error)) throw;
    fail(task, error.what());
  }
}

bool FileWriter::has_piece(FileTask& task, const Piece& piece, const Window& window,
                           base::Buffer& scratch) {
  if (task.failed) return true;
  try {
    return reads_back(open(task)->get(), task, piece, window, scratch, context_.repository.keys());
  } catch (const Error& error) {
    if (!concerns_one_entry(error)) throw;
    fail(task, error.what());
    return true;
  }
}

void FileWriter::write(FileTask& task, const Piece& piece, const Window& window,
                       base::ByteView chunk, base::Buffer& scratch) {
  if (task.failed) return;
  try {
    const auto file = open(task);
    std::uint64_t bytes = 0;
    task.touched = true;
    for (const Extent& extent : extents_of(piece, window)) {
      base::write_at(file->get(), extent.file_offset,
                     chunk.subspan(extent.chunk_offset, extent.length), task.entry.name);
      bytes += extent.length;
    }
    context_.report.count.bytes_written += bytes;
    context_.report.bytes_done(bytes);
    // Pages are proved all together by the hash of the whole file.
    if (!context_.request.verify || task.paged) return;
    if (!holds(file->get(), task, piece, window, chunk, scratch))
      throw Error(ErrorKind::io, "what was written reads back differently")
          .set_hint("the disk or the memory of this machine is failing");
    context_.report.count.bytes_verified += bytes;
  } catch (const Error& error) {
    if (!concerns_one_entry(error)) throw;
    fail(task, error.what());
  }
}

void FileWriter::fail(FileTask& task, const std::string& why) {
  if (!task.failed.exchange(true)) context_.report.problem(task.path(), why);
}

void FileWriter::done(FileTask& task, std::uint64_t count, base::Buffer& scratch) {
  if (task.left.fetch_sub(count, std::memory_order_acq_rel) != count) {
    close_if_many(task);
    return;
  }
  if (context_.request.dry_run) {
    finish_dry(task);
  } else {
    try {
      if (!task.failed) finish(task, scratch);
    } catch (const Error& error) {
      if (!concerns_one_entry(error)) throw;
      fail(task, error.what());
    }
    if (task.failed) remove_what_there_is(task);
  }
  {
    const std::lock_guard lock(task.mutex);
    if (task.file) --open_files_;
    task.file.reset();
  }
  context_.report.item_done(task.entry.name);
  release(context_, task.directory);
}

void FileWriter::finish_content(FileTask& task, int fd, base::Buffer& scratch) {
  if (!task.paged) return;
  if (!has_paged_content(fd, *task.paged, task.entry.name, scratch, context_.stopping))
    throw Error(ErrorKind::corrupt, "the restored file is not what was backed up");
  context_.report.count.bytes_verified += task.entry.size;
  if (task.placement == Placement::replace) base::sync_file(fd, task.entry.name);
}

void FileWriter::finish(FileTask& task, base::Buffer& scratch) {
  auto& count = context_.report.count;
  const bool keep = task.placement == Placement::keep;
  const auto file = open(task);
  const int fd = file->get();
  if (!keep) finish_content(task, fd, scratch);
  bool changed = !keep;
  if (task.placement == Placement::create) {
    context_.metadata.apply_to_new(fd, task.entry, task.path());
  } else if (context_.metadata.apply_to_existing(fd, task.entry, task.path(),
                                                 Metadata::Act::change)) {
    changed = true;
  }
  if (task.is_database) remove_journals(context_, *task.directory, task.entry.name);
  if (task.placement == Placement::replace) give_name(task);
  if (task.group != nullptr) note_inode(task, fd);
  if (task.placement == Placement::mend && !task.touched) changed = false;
  ++(changed ? count.files_written : count.files_unchanged);
  if (changed && task.directory->state() == Directory::State::existing)
    context_.report.changes(task.path());
}

void FileWriter::finish_dry(FileTask& task) {
  auto& count = context_.report.count;
  bool changed = task.placement != Placement::keep;
  if (task.placement == Placement::mend) changed = task.touched;
  if (task.placement == Placement::keep || (task.placement == Placement::mend && !changed)) {
    const std::lock_guard lock(task.mutex);
    if (task.file && context_.metadata.apply_to_existing(task.file->get(), task.entry, task.path(),
                                                         Metadata::Act::look_only))
      changed = true;
  }
  if (task.is_database) remove_journals(context_, *task.directory, task.entry.name);
  if (!changed) ++count.files_unchanged;
  if (changed && task.directory->state() == Directory::State::existing)
    context_.report.changes(task.path());
}

void FileWriter::give_name(FileTask& task) {
  const auto directory = context_.handles.open(*task.directory);
  replace_name(directory->get(), task.temporary, task.entry.name, task.path());
  task.temporary.clear();
}

void FileWriter::note_inode(FileTask& task, int fd) {
  const auto status = status_of(fd, task.entry.name);
  task.group->device = status.st_dev;
  task.group->inode = status.st_ino;
  task.group->done = true;
}

void FileWriter::remove_what_there_is(FileTask& task) {
  if (!task.touched || task.placement == Placement::mend || task.placement == Placement::keep)
    return;
  const auto& name = task.temporary.empty() ? task.entry.name : task.temporary;
  if (task.placement == Placement::replace && task.temporary.empty()) return;  // has its name
  try {
    const auto directory = context_.handles.open(*task.directory);
    remove_name(directory->get(), name, task.path());
  } catch (const Error& error) {
    note_or_throw(context_.report, task.path(), error);
  }
}

void FileWriter::abandon(FileTask& task) noexcept {
  if (task.left == 0 || context_.request.dry_run) return;
  if (task.placement == Placement::create && task.entry.size >= mended_size_min) return;
  try {
    remove_what_there_is(task);
  } catch (const std::exception& error) {
    context_.report.problem(task.path(), error.what());
  }
}

}  // namespace holdfast::restore
