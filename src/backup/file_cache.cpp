#include "file_cache.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/little_endian.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <sys/file.h>

namespace holdfast::backup {
namespace {

constexpr std::uint32_t record_magic = 0x32444648;  // "HFD2"
constexpr std::uint64_t root_magic = 0x31544f4f52464855ULL;
constexpr std::size_t root_size_max = 64ULL * 1024 * 1024;
constexpr std::size_t write_size = 1024UL * 1024;
/// Below this size a cache full of garbage costs nothing that anybody would notice.
constexpr std::uint64_t compact_size_min = 16ULL * 1024 * 1024;

std::uint64_t checksum_of(base::ByteView bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

void put_blob(base::Bytes& to, base::ByteView bytes) {
  base::put_varint(to, bytes.size());
  base::append(to, bytes);
}

base::ByteView take_blob(base::ByteReader& reader) {
  return reader.take_bytes(static_cast<std::size_t>(reader.take_varint()));
}

}  // namespace

CachedDirectory::CachedDirectory(base::ByteView record, std::uint64_t offset)
    : record_(record), offset_(offset), count_(base::load_le<std::uint32_t>(record.data() + 4)) {}

std::uint64_t CachedDirectory::word(std::size_t at) const {
  return base::load_le<std::uint64_t>(record_.data() + at);
}

base::ChunkId CachedDirectory::tree() const {
  return base::ChunkId::from_bytes(record_.subspan(header_size, 32));
}

base::ByteView CachedDirectory::node(std::size_t i) const {
  const auto ends = tree_end + 3 * count_ * 8;
  const auto begin = i == 0 ? 0 : word(ends + (i - 1) * 8);
  return record_.subspan(ends + count_ * 8 + begin, word(ends + i * 8) - begin);
}

base::ByteView CachedDirectory::overlay() const {
  const auto nodes = tree_end + 4 * count_ * 8;
  return record_.subspan(nodes + (count_ == 0 ? 0 : word(nodes - 8)));
}

FileCache::FileCache(const std::string& directory, const std::string& site)
    : base_path_(directory + "/files-" + base::to_hex(base::as_bytes(site.substr(0, 40))) + "-" +
                 std::to_string(checksum_of(base::as_bytes(site)))) {
  base::make_directories(directory, 0700);
  lock_ = base::open_file(base_path_ + ".lock", O_RDWR | O_CREAT, 0600);
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    lock_.reset();
    return;
  }
  try {
    load();
  } catch (const base::Error&) {
    disregard();  // missing or damaged: the next commit writes it anew
  }
}

std::string FileCache::data_path(std::uint64_t generation) const {
  return base_path_ + "." + std::to_string(generation % 2) + ".nodes";
}

void FileCache::load() {
  const auto bytes = base::read_file(base_path_ + ".roots", root_size_max);
  if (bytes.size() < 16) throw base::Error(base::ErrorKind::corrupt, "file cache too short");
  const auto body = base::ByteView(bytes).subspan(8);
  base::ByteReader reader(body, "file cache");
  if (base::load_le<std::uint64_t>(bytes.data()) != checksum_of(body) ||
      reader.take<std::uint64_t>() != root_magic)
    throw base::Error(base::ErrorKind::corrupt, "file cache damaged");
  snapshot_ = base::SnapshotId::from_bytes(reader.take_bytes(32));
  generation_ = reader.take<std::uint64_t>();
  end_ = reader.take<std::uint64_t>();
  live_bytes_ = reader.take<std::uint64_t>();
  for (auto count = reader.take_varint(); count > 0; --count) {
    std::string item(base::as_text(take_blob(reader)));
    Root root;
    root.fingerprint = reader.take<std::uint64_t>();
    root.child = reader.take<std::uint64_t>();
    root.node = base::copy_of(take_blob(reader));
    root.token = base::as_text(take_blob(reader));
    roots_.emplace(std::move(item), std::move(root));
  }
  old_ = base::MappedFile::open(data_path(generation_));
  if (old_.view().size() < end_) throw base::Error(base::ErrorKind::corrupt, "file cache cut off");
  rewriting_ = end_ > compact_size_min && live_bytes_ < end_ / 3;
}

void FileCache::disregard() {
  snapshot_.reset();
  roots_.clear();
  old_ = {};
  rewriting_ = true;
}

const FileCache::Root* FileCache::find_root(const std::string& item) const {
  const auto found = roots_.find(item);
  return found == roots_.end() ? nullptr : &found->second;
}

std::optional<CachedDirectory> FileCache::directory(std::uint64_t offset) const {
  const auto all = old_.view().first(std::min<std::uint64_t>(old_.view().size(), end_));
  if (offset == 0 || offset > all.size() || all.size() - offset < CachedDirectory::tree_end)
    return std::nullopt;
  const auto* head = all.data() + offset;
  const auto count = base::load_le<std::uint32_t>(head + 4);
  const auto size = base::load_le<std::uint64_t>(head + 8);
  if (base::load_le<std::uint32_t>(head) != record_magic || size > all.size() - offset ||
      size < CachedDirectory::tree_end + 32ULL * count)
    return std::nullopt;
  const auto record = all.subspan(offset, size);
  if (base::load_le<std::uint64_t>(head + 16) !=
      checksum_of(record.subspan(CachedDirectory::header_size)))
    return std::nullopt;
  return CachedDirectory(record, offset);
}

void FileCache::start_new_file() {
  if (data_ || !lock_) return;
  if (rewriting_ || !snapshot_) {
    rewriting_ = true;
    ++generation_;
    data_ = base::open_file(data_path(generation_), O_RDWR | O_CREAT | O_TRUNC, 0600);
    end_ = 0;
    pending_.assign(8, std::byte{0});  // so that no record is at offset 0
  } else {
    data_ = base::open_file(data_path(generation_), O_RDWR, 0600);
    if (ftruncate(data_.get(), static_cast<off_t>(end_)) != 0)
      throw base::system_error(errno, "truncating the file cache");
  }
  live_bytes_ = 0;
}

std::uint64_t FileCache::add_directory(const base::ChunkId& tree,
                                       std::span<const CacheEntry> entries,
                                       base::ByteView overlay) {
  if (!lock_) return 0;
  start_new_file();
  base::Bytes record;
  std::uint64_t node_bytes = 0;
  for (const auto& entry : entries)
    node_bytes += entry.node.size();
  const auto size = CachedDirectory::tree_end + entries.size() * 32 + node_bytes + overlay.size();
  record.reserve(size);
  base::put_le(record, record_magic);
  base::put_le(record, static_cast<std::uint32_t>(entries.size()));
  base::put_le(record, std::uint64_t{size});
  base::put_le(record, std::uint64_t{0});
  base::append(record, tree.view());
  for (const auto& entry : entries)
    base::put_le(record, entry.fingerprint);
  for (const auto& entry : entries)
    base::put_le(record, entry.name_key);
  for (const auto& entry : entries)
    base::put_le(record, entry.child);
  std::uint64_t node_end = 0;
  for (const auto& entry : entries)
    base::put_le(record, node_end += entry.node.size());
  for (const auto& entry : entries)
    base::append(record, entry.node);
  base::append(record, overlay);
  base::store_le(record.data() + 16,
                 checksum_of(base::ByteView(record).subspan(CachedDirectory::header_size)));
  const auto offset = end_ + pending_.size();
  base::append(pending_, record);
  live_bytes_ += record.size();
  if (pending_.size() >= write_size) flush();
  return offset;
}

std::uint64_t FileCache::keep_directory(const CachedDirectory& directory,
                                        std::span<const std::uint64_t> children) {
  if (!lock_) return 0;
  start_new_file();
  std::vector<CacheEntry> entries(directory.count());
  if (!rewriting_) {
    live_bytes_ +=
        CachedDirectory::tree_end + 32 * entries.size() +
        (entries.empty() ? 0 : directory.node(entries.size() - 1).size() * entries.size());
    return directory.offset();
  }
  for (std::size_t i = 0; i < entries.size(); ++i)
    entries[i] = {directory.fingerprint(i), directory.name_key(i), children[i], directory.node(i)};
  return add_directory(directory.tree(), entries, directory.overlay());
}

void FileCache::flush() {
  base::write_at(data_.get(), end_, pending_, base_path_);
  end_ += pending_.size();
  pending_.clear();
}

void FileCache::set_root(const std::string& item, Root root) { new_roots_[item] = std::move(root); }

void FileCache::commit(const base::SnapshotId& snapshot) {
  if (!lock_) return;
  start_new_file();
  flush();
  base::Bytes body;
  base::put_le(body, root_magic);
  base::append(body, snapshot.view());
  base::put_le(body, generation_);
  base::put_le(body, end_);
  base::put_le(body, live_bytes_);
  base::put_varint(body, new_roots_.size());
  for (const auto& [item, root] : new_roots_) {
    put_blob(body, base::as_bytes(item));
    base::put_le(body, root.fingerprint);
    base::put_le(body, root.child);
    put_blob(body, root.node);
    put_blob(body, base::as_bytes(root.token));
  }
  base::Bytes file;
  base::put_le(file, checksum_of(body));
  base::append(file, body);
  base::write_cache(base_path_ + ".roots", file, 0600);
}

}  // namespace holdfast::backup
