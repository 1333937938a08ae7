#pragma once

#include "base/bytes.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace holdfast::sources {

/// The beginning of the wal-index (the -shm file) at one moment.
///
/// Source: https://www.sqlite.org/walformat.html, "The WAL-Index File Format". All numbers are
/// native.
struct WalIndexHeader {
  static constexpr std::size_t size = 136;

  std::uint32_t frame_count = 0;  // mxFrame: the last committed frame; 0 for an empty WAL
  std::uint32_t page_count = 0;   // of the database after that frame
  std::array<std::uint32_t, 2> frame_checksum{};  // of that frame
  std::array<std::byte, 8> salts{};  // of this generation of the WAL, as in the WAL file
  std::uint32_t backfilled = 0;      // frames copied into the database file
  std::array<std::uint32_t, 5> read_marks{};
};

/// Nothing when a writer was changing it at that moment. Errors: unsupported for another format.
std::optional<WalIndexHeader> parse_wal_index(base::ByteView bytes);

/// How a WAL's checksums read its bytes; its first number says which.
enum class WordOrder : std::uint8_t { little, big };

/// The pages that committed frames of a WAL hold, each in its newest version.
class WalOverlay {
public:
  /// Fills what there is from `offset`; returns how much that was.
  using Read = std::function<std::size_t(std::uint64_t offset, base::MutableBytes into)>;

  /// An empty one: everything is in the database file.
  WalOverlay() = default;
  /// Exactly the frames up to the last of `index`.
  /// Errors: corrupt unless every frame's checksum and salts are right and the last one is that of
  /// `index`.
  static WalOverlay read_pinned(const Read& read, const WalIndexHeader& index);
  /// The frames up to the last commit that is whole, as SQLite's recovery takes them.
  static WalOverlay recover(const Read& read);

  /// Where the newest version of `page` (counted from 1) stands in the WAL.
  std::optional<std::uint64_t> offset_of(std::uint32_t page) const;
  std::uint32_t page_size() const { return page_size_; }
  std::uint32_t frame_count() const { return frame_count_; }
  /// Of the database after the last frame.
  std::uint32_t page_count() const { return page_count_; }
  const std::array<std::uint32_t, 2>& checksum() const { return checksum_; }
  const std::array<std::byte, 8>& salts() const { return salts_; }

private:
  /// Reads frames until `limit`, or until one is not valid.
  void read_frames(const Read& read, std::uint32_t limit);
  bool take_header(base::ByteView bytes);
  void keep_newest(std::vector<std::uint64_t> found);

  std::vector<std::uint64_t> frames_;  // page << 32 | frame, in order, one for each page
  std::uint32_t page_size_ = 0;
  WordOrder word_order_ = WordOrder::little;
  std::uint32_t frame_count_ = 0;
  std::uint32_t page_count_ = 0;
  std::array<std::uint32_t, 2> checksum_{};
  std::array<std::byte, 8> salts_{};
};

}  // namespace holdfast::sources
