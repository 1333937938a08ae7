#pragma once

#include "base/bytes.hpp"
#include "base/durable_file.hpp"
#include "base/fd.hpp"
#include "base/ids.hpp"
#include "index_filter.hpp"
#include "index_segment.hpp"
#include "repository/index.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

// The local form of one or several index segments: a flat file that is searched in place. It is
// private to this machine and this version of the program, hence not part of the repository format.
//
//   header     one page: magic, version, repository, counts
//   chunks     pages of records sorted by id: id, segment, offset, length (44 bytes, 92 a page)
//   segments   pages of records: pack, position, offset, stored size, encoded size (24 bytes)
//   packs      pages of records: id, kind, epoch, size (48 bytes)
//   tail       ids of the index segments it stands for, the first eight bytes of the first id of
//   every chunk
//              page, filter, checksum: the only part that is kept in memory (about 1.6 bytes a
//              chunk)
//
// A page is 4096 bytes of which the last eight are a checksum; it is checked when first read.

namespace holdfast::repository {

struct CacheCounts {
  std::uint64_t chunks = 0;
  std::uint64_t segments = 0;
  std::uint64_t packs = 0;
  bool operator==(const CacheCounts&) const = default;
};

class IndexCacheFile {
public:
  static constexpr std::size_t page_size = 4096;
  static constexpr std::size_t page_data_size = page_size - 8;
  using Page = std::array<std::byte, page_size>;

  /// Errors: corrupt when it is not whole or not of this repository; not_found.
  static std::unique_ptr<IndexCacheFile> open(const std::string& path,
                                              const base::RepositoryId& repository);

  struct Hit {
    std::uint64_t number = 0;  // among the chunks of the file, in id order
    IndexedChunk chunk;
  };
  /// Errors: corrupt when a page is damaged; then damaged() holds from then on.
  std::optional<Hit> find(const base::ChunkId& id) const;
  /// All records of the id, `copies_max` at most: more say nothing that helps.
  static constexpr std::size_t copies_max = 64;
  std::vector<Hit> find_copies(const base::ChunkId& id) const;
  bool may_contain(const base::ChunkId& id) const { return filter_.may_contain(id); }
  SegmentLocation segment(std::uint64_t number) const;
  PackInfo pack(std::uint64_t number) const;
  void verify_all() const;

  const std::string& path() const { return path_; }
  const std::vector<base::IndexId>& sources() const { return sources_; }
  const CacheCounts& counts() const { return counts_; }
  bool damaged() const { return damaged_.load(std::memory_order_relaxed); }
  /// The same file for looking up packs and segments only, not chunks.
  std::unique_ptr<IndexCacheFile> without_filter() const;
  std::uint64_t resident_bytes() const;

  /// Goes over all chunks in id order.
  class Cursor {
  public:
    explicit Cursor(const IndexCacheFile& file) : file_(file) { load(); }
    bool done() const { return number_ == file_.counts_.chunks; }
    const IndexedChunk& chunk() const { return chunk_; }
    void next() {
      ++number_;
      load();
    }

  private:
    void load();

    const IndexCacheFile& file_;
    Page page_;
    std::uint64_t page_number_ = UINT64_MAX;
    std::uint64_t number_ = 0;
    IndexedChunk chunk_;
  };

  /// Looks up sorted ids one after the other with fewer reads than find().
  class Searcher {
  public:
    explicit Searcher(const IndexCacheFile& file) : file_(file) {}
    /// As find() of the file.
    std::optional<Hit> find(const base::ChunkId& id);
    SegmentLocation segment(std::uint64_t number);

  private:
    const IndexCacheFile& file_;
    Page chunk_page_;
    Page segment_page_;
    std::uint64_t chunk_page_number_ = UINT64_MAX;
    std::uint64_t segment_page_number_ = UINT64_MAX;
  };

private:
  /// A table of fixed-width records; none is split between pages.
  struct Table {
    std::uint64_t first_page = 0;
    std::uint64_t count = 0;
    std::size_t width = 0;
    std::uint64_t per_page() const { return page_data_size / width; }
    std::uint64_t pages() const { return (count + per_page() - 1) / per_page(); }
  };

  IndexCacheFile(std::string path, base::Fd file);
  void read_header(const base::RepositoryId& repository);
  void lay_out();
  void read_tail();
  bool is_checked(std::uint64_t page) const;
  void read_page(std::uint64_t number, Page& page) const;
  [[noreturn]] void fail(const char* what) const;
  /// Table bounds are checked; `loaded` says which page is in `page`.
  const std::byte* record(const Table& table, std::uint64_t number, Page& page,
                          std::uint64_t& loaded) const;
  std::optional<Hit> search(const base::ChunkId& id, Page& page, std::uint64_t& loaded) const;

  const std::string path_;
  const base::Fd file_;
  CacheCounts counts_;
  std::uint64_t source_count_ = 0;
  Table chunks_{.width = 44};
  Table segments_{.width = 24};
  Table packs_{.width = 48};
  std::vector<base::IndexId> sources_;
  std::vector<std::uint64_t> first_keys_;  // of every chunk page
  IndexFilter filter_{0};
  mutable std::vector<std::atomic<std::uint64_t>> checked_pages_;  // one bit a page
  mutable std::atomic<bool> damaged_ = false;
};

/// Writes a cache file: all chunks in id order, then all segments, then all packs.
class IndexCacheWriter {
public:
  IndexCacheWriter(const std::string& path, const base::RepositoryId& repository,
                   const CacheCounts& counts, std::vector<base::IndexId> sources);

  void add(const IndexedChunk& chunk);
  void add(const SegmentLocation& segment);
  void add(const PackInfo& pack);
  /// Errors: as DurableFile. A file of that name is replaced.
  void commit();

private:
  void start_record(std::uint64_t number, std::size_t width);
  void end_page();

  base::DurableFile file_;
  const CacheCounts counts_;
  const std::vector<base::IndexId> sources_;
  CacheCounts written_;
  std::vector<std::uint64_t> first_keys_;
  IndexFilter filter_;
  base::Bytes page_;
  base::Bytes pending_;
  std::uint64_t page_number_ = 0;
};

}  // namespace holdfast::repository
