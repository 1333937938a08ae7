#include "seen_records.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/little_endian.hpp"
#include "crypto/blake3.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace holdfast::repository {

namespace {

constexpr std::string_view magic = "HFSEEN01";
constexpr std::size_t entry_size = base::Hash::size + 1 + sizeof(crypto::PublicKey) + 8;
constexpr std::size_t file_size_max = 256 * 1024 * 1024;  // three million records

SeenRecord decode_entry(base::ByteView bytes) {
  SeenRecord record;
  record.id = base::Hash::from_bytes(bytes.first(base::Hash::size));
  bytes = bytes.subspan(base::Hash::size);
  record.is_deletion = bytes.front() != std::byte{0};
  std::memcpy(record.writer.data(), bytes.data() + 1, record.writer.size());
  record.sequence = base::load_le<std::uint64_t>(bytes.data() + 1 + record.writer.size());
  return record;
}

void append_entry(base::Bytes& to, const SeenRecord& record) {
  base::append(to, record.id.view());
  to.push_back(std::byte{record.is_deletion});
  base::append(to, record.writer);
  base::put_le(to, record.sequence);
}

}  // namespace

std::vector<SeenRecord> SeenRecords::load() const {
  std::vector<SeenRecord> records;
  if (directory_.empty()) return records;
  base::Bytes bytes;
  try {
    bytes = base::read_file(path(), file_size_max);
  } catch (const base::Error&) {
    return records;
  }
  const auto frame = magic.size() + base::Hash::size;
  const auto view = base::ByteView(bytes);
  if (bytes.size() < frame || (bytes.size() - frame) % entry_size != 0) return records;
  const auto body = view.first(view.size() - base::Hash::size);
  if (!base::as_text(body).starts_with(magic)) return records;
  if (!std::ranges::equal(crypto::blake3(body).view(), view.last(base::Hash::size))) return records;
  for (auto rest = body.subspan(magic.size()); !rest.empty(); rest = rest.subspan(entry_size))
    records.push_back(decode_entry(rest.first(entry_size)));
  return records;
}

void SeenRecords::save(std::vector<SeenRecord> records) const {
  if (directory_.empty()) return;
  std::ranges::sort(records);
  auto bytes = base::copy_of(base::as_bytes(magic));
  for (const auto& record : records)
    append_entry(bytes, record);
  base::append(bytes, crypto::blake3(bytes).view());
  try {
    base::make_directories(directory_, 0700);
    base::write_cache(path(), bytes, 0600);
  } catch (const base::Error&) {
    return;
  }
}

}  // namespace holdfast::repository
