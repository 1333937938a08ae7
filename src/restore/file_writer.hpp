#pragma once

#include "base/bytes.hpp"
#include "context.hpp"
#include "window.hpp"

#include <atomic>
#include <memory>

namespace holdfast::restore {

/// Brings files under their names: opens them, writes pieces in any order, compares what is there,
/// and finishes each when its last piece is done.
///
/// How a file comes:
/// - In a directory that this run made, under its own name, mode 0600, its time set last. Nobody
///   else can enter that directory before it is finished.
/// - In a directory that was there, under a temporary name that is then put in the place of what
///   is there. The temporary file is held by flock, so that a later run removes what a killed one
///   left behind.
/// - Large files that are there already are mended: every piece is compared and only those that
///   differ are written. A database is never mended, always replaced as a whole.
///
/// Errors:  what concerns one file is its problem, and the file is not left behind as if it were
///          whole; a full disk and the like are thrown.
/// Threads: any; each brings its own scratch memory.
class FileWriter {
public:
  explicit FileWriter(const Context& context) : context_(context) {}

  /// From here on existing files are mended rather than replaced: comparing and writing some of a
  /// large file costs less than a second copy of it.
  static constexpr std::uint64_t mended_size_min = 64ULL * 1024 * 1024;

  /// Opens the large file that is there to be mended and gives it its size and holes; false when it
  /// cannot be mended, so that it must be replaced.
  bool begin_mending(FileTask& task);
  /// Whether the file that is there has the content, by the chunk ids. Decides what an `undecided`
  /// file becomes: keep or replace.
  void compare(FileTask& task, const Window& window, base::Buffer& scratch);
  /// Whether the file being mended has the bytes of the piece.
  bool has_piece(FileTask& task, const Piece& piece, const Window& window, base::Buffer& scratch);
  /// Writes one verified chunk where it belongs and reads it back.
  void write(FileTask& task, const Piece& piece, const Window& window, base::ByteView chunk,
             base::Buffer& scratch);
  /// `count` pieces are done, whichever way; finishes the file when nothing is left.
  void done(FileTask& task, std::uint64_t count, base::Buffer& scratch);
  /// The file will not come: said once; what there is of it goes when its pieces are done.
  void fail(FileTask& task, const std::string& why);
  /// Takes away a file that was begun and will not be finished in this run. A large one in a
  /// directory of its own stays: the next run goes on with it.
  void abandon(FileTask& task) noexcept;

private:
  using File = std::shared_ptr<const base::Fd>;

  File open(FileTask& task);
  File create(FileTask& task, int directory);
  File reopen(FileTask& task, int directory);
  void close_if_many(FileTask& task);
  bool content_is_right(FileTask& task, const Window& window, int fd, base::Buffer& scratch);
  void finish(FileTask& task, base::Buffer& scratch);
  void finish_content(FileTask& task, int fd, base::Buffer& scratch);
  void give_name(FileTask& task);
  void note_inode(FileTask& task, int fd);
  void remove_what_there_is(FileTask& task);
  void finish_dry(FileTask& task);

  const Context& context_;
  std::atomic<std::uint64_t> open_files_ = 0;
};

/// Whether all of an open file is the content that its pages say, by the BLAKE3 of the whole.
bool has_paged_content(int fd, const repository::PagedContent& content, const std::string& name,
                       base::Buffer& scratch, const std::stop_token& stopping);
/// Removes the journals of a database that is replaced: SQLite would apply them to the new one.
void remove_journals(const Context& context, const Directory& directory, const std::string& name);
/// "-wal", "-shm", "-journal".
bool is_journal_of(std::string_view name, std::string_view database);

}  // namespace holdfast::restore
