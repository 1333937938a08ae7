#include "index_cache_file.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "crypto/blake3.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <sys/stat.h>

namespace holdfast::repository {

using base::ByteView;
using base::Error;
using base::ErrorKind;
using base::load_le;
using base::store_le;

namespace {

constexpr std::string_view magic = "HFCACHE\n";
constexpr std::uint32_t cache_version = 1;
/// Far above what fits a disk; keeps products of counts and widths from overflowing.
constexpr std::uint64_t count_max = std::uint64_t{1} << 36;
constexpr std::uint64_t no_page = UINT64_MAX;

/// Offsets in the header page.
namespace header_at {
constexpr std::size_t version = 8, source_count = 12, repository = 16, chunks = 48, segments = 56,
                      packs = 64;
}

std::uint64_t checksum_of(ByteView data, std::uint64_t page_number) {
  return crypto::blake3(data).prefix64() ^ (page_number * 0x9E3779B97F4A7C15U);
}

IndexedChunk load_chunk(const std::byte* from) {
  IndexedChunk chunk;
  std::memcpy(chunk.id.mutable_view().data(), from, 32);
  chunk.segment = load_le<std::uint32_t>(from + 32);
  chunk.offset = load_le<std::uint32_t>(from + 36);
  chunk.length = load_le<std::uint32_t>(from + 40);
  return chunk;
}

SegmentLocation load_segment(const std::byte* from) {
  return {load_le<std::uint32_t>(from), load_le<std::uint32_t>(from + 4),
          load_le<std::uint64_t>(from + 8), load_le<std::uint32_t>(from + 16),
          load_le<std::uint32_t>(from + 20)};
}

PackInfo load_pack(const std::byte* from) {
  PackInfo pack;
  std::memcpy(pack.id.mutable_view().data(), from, 32);
  pack.kind = static_cast<pipeline::PackKind>(load_le<std::uint32_t>(from + 32));
  pack.epoch = load_le<std::uint32_t>(from + 36);
  pack.size = load_le<std::uint64_t>(from + 40);
  return pack;
}

}  // namespace

IndexCacheFile::IndexCacheFile(std::string path, base::Fd file)
    : path_(std::move(path)), file_(std::move(file)) {}

std::unique_ptr<IndexCacheFile> IndexCacheFile::open(const std::string& path,
                                                     const base::RepositoryId& repository) {
  std::unique_ptr<IndexCacheFile> cache(
      new IndexCacheFile(path, base::open_file(path, O_RDONLY | O_NOFOLLOW)));
  cache->read_header(repository);
  cache->read_tail();
  return cache;
}

void IndexCacheFile::fail(const char* what) const {
  damaged_.store(true, std::memory_order_relaxed);
  throw Error(ErrorKind::corrupt, fmt::format("index cache file {} {}", path_, what))
      .set_hint("remove it: it is made again from the repository");
}

void IndexCacheFile::read_header(const base::RepositoryId& repository) {
  checked_pages_ = std::vector<std::atomic<std::uint64_t>>(1);
  Page page;
  read_page(0, page);
  if (base::as_text(ByteView(page).first(magic.size())) != magic ||
      load_le<std::uint32_t>(page.data() + header_at::version) != cache_version) {
    fail("is not one that this program reads");
  }
  if (std::memcmp(page.data() + header_at::repository, repository.view().data(), 32) != 0) {
    fail("belongs to another repository");
  }
  source_count_ = load_le<std::uint32_t>(page.data() + header_at::source_count);
  counts_ = {load_le<std::uint64_t>(page.data() + header_at::chunks),
             load_le<std::uint64_t>(page.data() + header_at::segments),
             load_le<std::uint64_t>(page.data() + header_at::packs)};
  if (counts_.chunks > count_max || counts_.segments > UINT32_MAX || counts_.packs > UINT32_MAX) {
    fail("has impossible counts");
  }
  lay_out();
}

void IndexCacheFile::lay_out() {
  chunks_.count = counts_.chunks;
  segments_.count = counts_.segments;
  packs_.count = counts_.packs;
  chunks_.first_page = 1;
  segments_.first_page = 1 + chunks_.pages();
  packs_.first_page = segments_.first_page + segments_.pages();
  checked_pages_ =
      std::vector<std::atomic<std::uint64_t>>((packs_.first_page + packs_.pages()) / 64 + 1);
}

void IndexCacheFile::read_tail() {
  const auto pages = packs_.first_page + packs_.pages();
  const auto blocks = IndexFilter::blocks_for(counts_.chunks);
  const auto sources_size = 32 * source_count_;
  const auto keys_size = 8 * chunks_.pages();
  const auto filter_size = blocks * sizeof(IndexFilter::Block);
  const auto tail_size = sources_size + keys_size + filter_size + 8;
  struct stat status{};
  if (::fstat(file_.get(), &status) != 0) throw base::system_error(errno, "looking at " + path_);
  // Checked before anything of that size is allocated.
  if (static_cast<std::uint64_t>(status.st_size) != pages * page_size + tail_size) {
    fail("is not as long as it should be");
  }
  sources_.resize(source_count_);
  first_keys_.resize(chunks_.pages());
  filter_ = IndexFilter(blocks);
  auto offset = pages * page_size;
  crypto::Blake3 hash;
  const auto read = [&](base::MutableBytes into) {
    if (base::read_at(file_.get(), offset, into, path_) != into.size()) fail("ends too early");
    offset += into.size();
  };
  const auto read_hashed = [&](base::MutableBytes into) {
    read(into);
    hash.update(into);
  };
  for (auto& source : sources_)
    read_hashed(source.mutable_view());
  read_hashed(std::as_writable_bytes(std::span(first_keys_)));
  read_hashed(filter_.mutable_bytes());
  std::uint64_t checksum = 0;
  read(std::as_writable_bytes(std::span(&checksum, 1)));
  if (hash.finish().prefix64() != checksum) fail("is damaged at its end");
}

bool IndexCacheFile::is_checked(std::uint64_t page) const {
  return (checked_pages_[page / 64].load(std::memory_order_relaxed) >> (page % 64) & 1) != 0;
}

void IndexCacheFile::read_page(std::uint64_t number, Page& page) const {
  if (base::read_at(file_.get(), number * page_size, page, path_) != page.size()) {
    fail("ends too early");
  }
  if (is_checked(number)) return;
  const auto checksum = checksum_of(ByteView(page).first(page_data_size), number);
  if (load_le<std::uint64_t>(page.data() + page_data_size) != checksum) fail("has a damaged page");
  checked_pages_[number / 64].fetch_or(std::uint64_t{1} << (number % 64),
                                       std::memory_order_relaxed);
}

const std::byte* IndexCacheFile::record(const Table& table, std::uint64_t number, Page& page,
                                        std::uint64_t& loaded) const {
  if (number >= table.count) fail("points outside itself");
  const auto page_number = table.first_page + number / table.per_page();
  if (loaded != page_number) {
    loaded = no_page;
    read_page(page_number, page);
    loaded = page_number;
  }
  return page.data() + (number % table.per_page()) * table.width;
}

std::optional<IndexCacheFile::Hit> IndexCacheFile::search(const base::ChunkId& id, Page& page,
                                                          std::uint64_t& loaded) const {
  const auto key = sort_key(id);
  const auto after = std::upper_bound(first_keys_.begin(), first_keys_.end(), key);
  // Ids with the same first eight bytes may begin on pages before the last that could hold it.
  for (auto at = after; at != first_keys_.begin();) {
    --at;
    const auto begin = static_cast<std::uint64_t>(at - first_keys_.begin()) * chunks_.per_page();
    const auto end = std::min(begin + chunks_.per_page(), chunks_.count);
    const auto* records = record(chunks_, begin, page, loaded);
    std::uint64_t low = begin;
    for (std::uint64_t high = end; low < high;) {
      const auto middle = low + (high - low) / 2;
      const auto* found = records + (middle - begin) * chunks_.width;
      if (std::memcmp(found, id.view().data(), 32) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const auto* found = records + (low - begin) * chunks_.width;
    if (low < end && std::memcmp(found, id.view().data(), 32) == 0) {
      return Hit{low, load_chunk(found)};
    }
    if (*at < key) return std::nullopt;
  }
  return std::nullopt;
}

std::optional<IndexCacheFile::Hit> IndexCacheFile::find(const base::ChunkId& id) const {
  if (!filter_.may_contain(id)) return std::nullopt;
  Page page;
  auto loaded = no_page;
  return search(id, page, loaded);
}

std::vector<IndexCacheFile::Hit> IndexCacheFile::find_copies(const base::ChunkId& id) const {
  std::vector<Hit> copies;
  const auto hit = find(id);
  if (!hit) return copies;
  Page page;
  auto loaded = no_page;
  const auto chunk_at = [&](std::uint64_t number) {
    return load_chunk(record(chunks_, number, page, loaded));
  };
  // Equal ids stand side by side, and a search may hit any of them.
  auto number = hit->number;
  while (number > 0 && hit->number - number < copies_max && chunk_at(number - 1).id == id)
    --number;
  for (; number < chunks_.count && copies.size() < copies_max; ++number) {
    const auto chunk = chunk_at(number);
    if (chunk.id != id) break;
    copies.push_back({number, chunk});
  }
  return copies;
}

SegmentLocation IndexCacheFile::segment(std::uint64_t number) const {
  Page page;
  const auto at = segments_.first_page + number / segments_.per_page();
  if (number < segments_.count && is_checked(at)) {
    // The rest of a page that is known to be whole is not worth copying.
    const auto offset = at * page_size + (number % segments_.per_page()) * segments_.width;
    const auto bytes = base::MutableBytes(page).first(segments_.width);
    if (base::read_at(file_.get(), offset, bytes, path_) != bytes.size()) fail("ends too early");
    return load_segment(page.data());
  }
  auto loaded = no_page;
  return load_segment(record(segments_, number, page, loaded));
}

PackInfo IndexCacheFile::pack(std::uint64_t number) const {
  Page page;
  auto loaded = no_page;
  return load_pack(record(packs_, number, page, loaded));
}

void IndexCacheFile::Cursor::load() {
  if (!done()) chunk_ = load_chunk(file_.record(file_.chunks_, number_, page_, page_number_));
}

void IndexCacheFile::verify_all() const {
  Page page;
  for (std::uint64_t i = 0; i < packs_.first_page + packs_.pages(); ++i)
    read_page(i, page);
}

std::unique_ptr<IndexCacheFile> IndexCacheFile::without_filter() const {
  const int copy = ::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw base::system_error(errno, "keeping " + path_ + " open");
  std::unique_ptr<IndexCacheFile> file(new IndexCacheFile(path_, base::Fd(copy)));
  file->counts_ = counts_;
  file->lay_out();
  return file;
}

std::uint64_t IndexCacheFile::resident_bytes() const {
  return sizeof *this + filter_.bytes().size() + 8 * (first_keys_.size() + checked_pages_.size()) +
         32 * sources_.size();
}

std::optional<IndexCacheFile::Hit> IndexCacheFile::Searcher::find(const base::ChunkId& id) {
  if (!file_.filter_.may_contain(id)) return std::nullopt;
  return file_.search(id, chunk_page_, chunk_page_number_);
}

SegmentLocation IndexCacheFile::Searcher::segment(std::uint64_t number) {
  return load_segment(file_.record(file_.segments_, number, segment_page_, segment_page_number_));
}

IndexCacheWriter::IndexCacheWriter(const std::string& path, const base::RepositoryId& repository,
                                   const CacheCounts& counts, std::vector<base::IndexId> sources)
    : file_(path, 0600),
      counts_(counts),
      sources_(std::move(sources)),
      filter_(IndexFilter::blocks_for(counts.chunks)) {
  IndexCacheFile::Page header{};
  std::memcpy(header.data(), magic.data(), magic.size());
  store_le(header.data() + header_at::version, cache_version);
  store_le(header.data() + header_at::source_count, static_cast<std::uint32_t>(sources_.size()));
  std::memcpy(header.data() + header_at::repository, repository.view().data(), 32);
  store_le(header.data() + header_at::chunks, counts.chunks);
  store_le(header.data() + header_at::segments, counts.segments);
  store_le(header.data() + header_at::packs, counts.packs);
  page_.assign(header.begin(), header.begin() + IndexCacheFile::page_data_size);
  end_page();
}

void IndexCacheWriter::end_page() {
  constexpr std::size_t write_size = 256 * IndexCacheFile::page_size;
  page_.resize(IndexCacheFile::page_data_size);
  base::put_le(page_, checksum_of(ByteView(page_).first(page_.size()), page_number_));
  ++page_number_;
  base::append(pending_, page_);
  page_.clear();
  if (pending_.size() < write_size) return;
  file_.append(pending_);
  pending_.clear();
}

/// A table begins on a page of its own.
void IndexCacheWriter::start_record(std::uint64_t number, std::size_t width) {
  if (!page_.empty() && (number == 0 || page_.size() + width > IndexCacheFile::page_data_size)) {
    end_page();
  }
}

void IndexCacheWriter::add(const IndexedChunk& chunk) {
  start_record(written_.chunks, 44);
  if (page_.empty()) first_keys_.push_back(sort_key(chunk.id));
  filter_.insert(chunk.id);
  base::append(page_, chunk.id.view());
  base::put_le(page_, chunk.segment);
  base::put_le(page_, chunk.offset);
  base::put_le(page_, chunk.length);
  ++written_.chunks;
}

void IndexCacheWriter::add(const SegmentLocation& segment) {
  start_record(written_.segments, 24);
  base::put_le(page_, segment.pack);
  base::put_le(page_, segment.position);
  base::put_le(page_, segment.offset);
  base::put_le(page_, segment.stored_size);
  base::put_le(page_, segment.encoded_size);
  ++written_.segments;
}

void IndexCacheWriter::add(const PackInfo& pack) {
  start_record(written_.packs, 48);
  base::append(page_, pack.id.view());
  base::put_le(page_, static_cast<std::uint32_t>(pack.kind));
  base::put_le(page_, pack.epoch);
  base::put_le(page_, pack.size);
  ++written_.packs;
}

void IndexCacheWriter::commit() {
  HF_ASSERT(written_.chunks == counts_.chunks && written_.segments == counts_.segments &&
                written_.packs == counts_.packs,
            "the counts at the front are those of what follows");
  if (!page_.empty()) end_page();
  crypto::Blake3 hash;
  const auto put = [&](ByteView bytes) {
    base::append(pending_, bytes);
    hash.update(bytes);
  };
  for (const auto& source : sources_)
    put(source.view());
  put(std::as_bytes(std::span(first_keys_)));
  put(filter_.bytes());
  base::put_le(pending_, hash.finish().prefix64());
  file_.append(pending_);
  static_cast<void>(file_.commit(base::DurableFile::Existing::replace));
}

}  // namespace holdfast::repository
