#pragma once

#include "base/bytes.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace holdfast::pipeline {

/// Sizes in bytes: Gear::window <= min < mean <= max.
struct ChunkSizes {
  std::uint32_t min = 512 * 1024;
  std::uint32_t mean = 1024 * 1024;
  std::uint32_t max = 4 * 1024 * 1024;

  static ChunkSizes for_files() { return {}; }
  static ChunkSizes for_streams() { return {4 * 1024, 16 * 1024, 64 * 1024}; }
};

/// The secret of the chunker: a gear table and a threshold. Who does not know the table cannot
/// predict cuts.
///
/// Gear hash: h = (h << 1) + table[byte] mod 2^64, so that it depends on the last 64 bytes only. A
/// position is a *candidate* when the hash of the 64 bytes before it is below the threshold (chosen
/// so that one position in mean - min is); the position counts the bytes before the cut.
class Gear {
public:
  static constexpr std::size_t window = 64;

  /// `secret` is 32 bytes; the table is the output stream of BLAKE3 keyed with them.
  /// Errors: invalid_input unless window <= min < mean <= max.
  Gear(base::ByteView secret, ChunkSizes sizes);

  const ChunkSizes& sizes() const { return sizes_; }
  const std::array<std::uint64_t, 256>& table() const { return table_; }
  std::uint64_t threshold() const { return threshold_; }

  /// Appends every candidate in (0, block.size()] to `found`, ascending. `before` is what precedes
  /// the block: at least `window` bytes, or all there is at the start of the data (no position with
  /// less than `window` bytes of data before it is a candidate). Any division into blocks finds the
  /// same candidates.
  void find_candidates(base::ByteView before, base::ByteView block,
                       std::vector<std::uint32_t>& found) const;

private:
  ChunkSizes sizes_;
  std::uint64_t threshold_;
  std::array<std::uint64_t, 256> table_;
};

/// Turns candidates into cuts: the first candidate at least `min` after the last cut, or `max`
/// after it. Feeding stripe after stripe gives the cuts of a sequential scan.
class CutSelector {
public:
  explicit CutSelector(ChunkSizes sizes) : sizes_(sizes) {}

  /// The candidates of the data up to `end` (absolute offsets, ascending, all beyond those given
  /// before). Appends the absolute offsets of the cuts that are certain by now.
  void advance(const std::vector<std::uint64_t>& candidates, std::uint64_t end,
               std::vector<std::uint64_t>& cuts);
  /// The data ended at `end`: appends the last cuts, the last being `end` (none for empty data).
  void finish(std::uint64_t end, std::vector<std::uint64_t>& cuts);
  std::uint64_t last_cut() const { return last_cut_; }

private:
  ChunkSizes sizes_;
  std::uint64_t last_cut_ = 0;
};

/// The cuts of data that is all in memory: ends of chunks, the last being data.size(). Skips the
/// first `min` bytes of every chunk, so it is the fastest way for one thread.
void cut_all(const Gear& gear, base::ByteView data, std::vector<std::uint32_t>& ends);

/// Cuts a byte stream into content-defined chunks.
///
/// Shape:   pieces of any length in; chunks out in stream order; joined, they are the input.
/// Units:   min <= chunk <= max, except a last chunk that may be shorter than min.
/// Threads: one stream per object.
class StreamChunker {
public:
  /// Borrows `gear`.
  explicit StreamChunker(const Gear& gear);
  ~StreamChunker();

  /// Where the caller puts more bytes (never empty once next() returned empty), and says how many
  /// it put.
  base::MutableBytes space();
  void added(std::size_t count);
  /// The next whole chunk, empty when more bytes are needed. Valid until the next call of space().
  base::ByteView next();
  /// After the last byte: what is left, once; empty if nothing is.
  base::ByteView rest();

private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::pipeline
