#include "wal.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "big_endian.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace holdfast::sources {
namespace {

constexpr std::uint32_t format_version = 3007000;
constexpr std::size_t wal_header_size = 32;
constexpr std::size_t frame_header_size = 24;
constexpr std::uint32_t wal_magic = 0x377f0682;  // the lowest bit says big-endian checksums
constexpr std::size_t batch_size = base::mib;

/// SQLite's running checksum over pairs of 32-bit words; `bytes` is a multiple of 8 long.
void add_to_checksum(std::array<std::uint32_t, 2>& sum, base::ByteView bytes, WordOrder order) {
  auto [a, b] = sum;
  for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    std::array<std::uint32_t, 2> words;
    std::memcpy(words.data(), bytes.data() + at, sizeof words);
    if (order == WordOrder::big)
      for (auto& word : words)
        word = __builtin_bswap32(word);
    a += words[0] + b;
    b += words[1] + a;
  }
  sum = {a, b};
}

bool has_checksum(const std::byte* at, const std::array<std::uint32_t, 2>& sum) {
  return load_be32(at) == sum[0] && load_be32(at + 4) == sum[1];
}

[[noreturn]] void broken(const std::string& why) {
  throw base::Error(base::ErrorKind::corrupt, fmt::format("its write-ahead log {}", why));
}

}  // namespace

std::optional<WalIndexHeader> parse_wal_index(base::ByteView bytes) {
  HF_ASSERT(bytes.size() == WalIndexHeader::size, "the caller copies the whole beginning");
  const auto number_at = [&](std::size_t at) {
    std::uint32_t value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  };
  constexpr std::size_t copy_size = 48;
  constexpr std::size_t checked_size = 40;
  std::array<std::uint32_t, 2> sum{};
  add_to_checksum(sum, bytes.first(checked_size), WordOrder::little);
  const bool is_stable = std::memcmp(bytes.data(), bytes.data() + copy_size, copy_size) == 0 &&
                         number_at(40) == sum[0] && number_at(44) == sum[1];
  const bool is_initialized = bytes[12] != std::byte{0};
  if (!is_stable || !is_initialized) return std::nullopt;
  if (number_at(0) != format_version)
    throw base::Error(base::ErrorKind::unsupported, "its wal-index has a format that is not known");
  WalIndexHeader header;
  header.frame_count = number_at(16);
  header.page_count = number_at(20);
  header.frame_checksum = {number_at(24), number_at(28)};
  std::memcpy(header.salts.data(), bytes.data() + 32, header.salts.size());
  header.backfilled = number_at(96);
  for (std::size_t i = 0; i < header.read_marks.size(); ++i)
    header.read_marks[i] = number_at(100 + 4 * i);
  return header;
}

WalOverlay WalOverlay::read_pinned(const Read& read, const WalIndexHeader& index) {
  WalOverlay overlay;
  overlay.read_frames(read, index.frame_count);
  if (overlay.salts_ != index.salts) broken("is not the one that its index describes");
  if (overlay.frame_count_ != index.frame_count)
    broken(fmt::format("has {} valid frames of {}", overlay.frame_count_, index.frame_count));
  if (overlay.checksum_ != index.frame_checksum || overlay.page_count_ != index.page_count)
    broken("does not end as its index says");
  return overlay;
}

WalOverlay WalOverlay::recover(const Read& read) {
  WalOverlay overlay;
  overlay.read_frames(read, std::numeric_limits<std::uint32_t>::max());
  return overlay;
}

/// False when no frame of this log counts.
bool WalOverlay::take_header(base::ByteView bytes) {
  const std::uint32_t magic = load_be32(bytes.data());
  if ((magic & ~1U) != wal_magic || load_be32(bytes.data() + 4) != format_version) return false;
  word_order_ = (magic & 1U) != 0 ? WordOrder::big : WordOrder::little;
  page_size_ = load_be32(bytes.data() + 8);
  if (!std::has_single_bit(page_size_) || page_size_ < 512 || page_size_ > 65536) return false;
  add_to_checksum(checksum_, bytes.first(24), word_order_);
  std::memcpy(salts_.data(), bytes.data() + 16, salts_.size());
  return has_checksum(bytes.data() + 24, checksum_);
}

void WalOverlay::read_frames(const Read& read, std::uint32_t limit) {
  std::array<std::byte, wal_header_size> head;
  if (read(0, head) != head.size() || !take_header(head)) return;
  const std::size_t frame_size = frame_header_size + page_size_;
  base::Buffer batch(std::max<std::size_t>(1, batch_size / frame_size) * frame_size);
  std::vector<std::uint64_t> found;
  std::size_t committed = 0;  // of what was found
  std::array<std::uint32_t, 2> sum = checksum_;
  bool goes_on = true;
  while (goes_on && found.size() < limit) {
    const std::size_t got = read(wal_header_size + found.size() * frame_size, batch.all());
    for (std::size_t at = 0; at + frame_size <= got && found.size() < limit; at += frame_size) {
      const base::ByteView frame(batch.data() + at, frame_size);
      add_to_checksum(sum, frame.first(8), word_order_);
      add_to_checksum(sum, frame.subspan(frame_header_size), word_order_);
      const std::uint32_t page = load_be32(frame.data());
      goes_on = page != 0 && has_checksum(frame.data() + 16, sum) &&
                std::memcmp(frame.data() + 8, salts_.data(), salts_.size()) == 0;
      if (!goes_on) break;
      found.push_back(std::uint64_t{page} << 32 | (found.size() + 1));
      if (const std::uint32_t page_count = load_be32(frame.data() + 4); page_count != 0) {
        committed = found.size();
        page_count_ = page_count;
        checksum_ = sum;
      }
    }
    goes_on = goes_on && got == batch.capacity();
  }
  frame_count_ = static_cast<std::uint32_t>(committed);
  found.resize(committed);
  keep_newest(std::move(found));
}

/// `found` is page << 32 | frame.
void WalOverlay::keep_newest(std::vector<std::uint64_t> found) {
  std::sort(found.begin(), found.end());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool is_newest = i + 1 == found.size() || found[i] >> 32 != found[i + 1] >> 32;
    if (is_newest) frames_.push_back(found[i]);
  }
}

std::optional<std::uint64_t> WalOverlay::offset_of(std::uint32_t page) const {
  const std::uint64_t key = std::uint64_t{page} << 32;
  const auto at = std::lower_bound(frames_.begin(), frames_.end(), key);
  if (at == frames_.end() || *at >> 32 != page) return std::nullopt;
  const std::uint64_t frame = *at & 0xffffffffU;
  return wal_header_size + (frame - 1) * (frame_header_size + page_size_) + frame_header_size;
}

}  // namespace holdfast::sources
