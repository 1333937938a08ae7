#pragma once

#include "base/bytes.hpp"
#include "base/error_kinds.hpp"
#include "sources/entry.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::sources {

/// Something of a source that could not be taken. The run goes on and ends as partial.
struct ItemProblem {
  std::string path;  // raw bytes
  base::ErrorKind kind = base::ErrorKind::io;
  std::string message;
};
/// Threads: called from any thread.
using ProblemSink = std::function<void(ItemProblem)>;

/// An entry as listing found it: details (link target, attributes, owner names) come with
/// load_details.
struct ListedEntry {
  Entry entry;
  FileIdentity identity;
};

/// One opened regular file.
class SourceFile {
public:
  virtual ~SourceFile() = default;
  /// Fills `into` from `offset`; less only at the end of the file.
  virtual std::size_t read_at(std::uint64_t offset, base::MutableBytes into) = 0;
  /// Stretches without data, found by SEEK_HOLE; empty where the filesystem cannot tell.
  virtual std::vector<Hole> find_holes() = 0;
  /// The entry (size, times, mode, ...) and identity as they are at this moment.
  virtual ListedEntry current() = 0;
  /// As SourceDirectory::load_details, of the file that is open: needs no walk to its name.
  virtual void load_details(ListedEntry& listed, const ProblemSink& problems) = 0;
};

/// One directory, open while its entries are read. Threads: all calls may come from any thread.
class SourceDirectory {
public:
  virtual ~SourceDirectory() = default;
  /// All entries in byte order of their names, without what is excluded. What vanished meanwhile is
  /// left out; what cannot be looked at goes to `problems`.
  virtual std::vector<ListedEntry> list(const ProblemSink& problems) = 0;
  /// Fills link target, attributes and owner names. Attributes that cannot be read go to `problems`
  /// and the rest is filled; without its target a link is nothing. Errors: throws in that case.
  virtual void load_details(ListedEntry& listed, const ProblemSink& problems) = 0;
  /// Errors: not_found when it vanished, conflict when another kind of thing has its name,
  /// access_denied, io.
  virtual std::unique_ptr<SourceFile> open_file(const ListedEntry& listed) = 0;
  virtual std::shared_ptr<SourceDirectory> open_directory(const ListedEntry& listed) = 0;
  /// Raw absolute path, for messages and patterns.
  virtual std::string path() const = 0;
};

/// A tree of files. Its root may be a single file.
class TreeSource {
public:
  virtual ~TreeSource() = default;
  /// Absolute, without trailing slash.
  virtual const std::string& path() const = 0;
  /// The root itself, its name being the last part of path(). Details are filled.
  /// Errors: not_found with a hint when the source is not there.
  virtual ListedEntry root(const ProblemSink& problems) = 0;
  /// For a root that is a directory.
  virtual std::shared_ptr<SourceDirectory> open_root() = 0;
  /// For a root that is a regular file.
  virtual std::unique_ptr<SourceFile> open_root_file() = 0;
  /// The directories above the root, outermost first ("/srv", "/srv/blog"), names being single
  /// components; so that a restore makes them as they were.
  virtual std::vector<Entry> ancestors() = 0;
};

/// What a database says about the moment it was taken at, in words and numbers of its own.
struct ConsistencyStamp {
  std::string engine;  // "files", "sqlite", ...
  std::vector<std::pair<std::string, std::string>>
      values;  // e.g. {"wal_salt", "..."}, {"frame", "..."}
};

/// A file of fixed-size pages, read as of one moment. It is pinned while this object lives.
class PagedSource {
public:
  virtual ~PagedSource() = default;
  virtual const std::string& path() const = 0;
  /// The database file itself, details filled, size being that of the snapshot (pages x page size).
  virtual ListedEntry root(const ProblemSink& problems) = 0;
  virtual std::vector<Entry> ancestors() = 0;
  virtual std::uint32_t page_size() const = 0;
  virtual std::uint64_t page_count() const = 0;
  /// Fills whole pages from page `first` (counted from 0) as of the snapshot. Any thread, any
  /// order.
  virtual void read_pages(std::uint64_t first, base::MutableBytes into) = 0;
  virtual ConsistencyStamp stamp() const = 0;
  /// Equal tokens mean equal content: then nothing needs to be read. Empty when the engine cannot
  /// tell.
  virtual std::string change_token() const = 0;
  /// Lets the database go on as if nobody had been there. Errors: throws when the pin was lost
  /// meanwhile, in which case what was read must be thrown away.
  virtual void release() = 0;
};

/// Bytes that come once, front to back.
class StreamSource {
public:
  virtual ~StreamSource() = default;
  /// The name it gets in the snapshot, absolute, e.g. "/stdin/dump.sql".
  virtual const std::string& path() const = 0;
  /// Reads at least one byte unless the stream ended (0).
  virtual std::size_t read(base::MutableBytes into, const std::stop_token& stopping) = 0;
  /// After the end. Errors: source_failed when the command ended with anything but 0; its last
  /// words are in the hint.
  virtual void finish() = 0;
};

}  // namespace holdfast::sources
