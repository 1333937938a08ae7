#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace holdfast::crypto {

/// Which code does the compression function. The best that the processor has is chosen at run time.
enum class Blake3Lanes : std::uint8_t { portable, avx2, avx512 };

std::string_view name_of(Blake3Lanes lanes);
bool is_supported(Blake3Lanes lanes);
Blake3Lanes best_lanes();

using Blake3Key = std::array<std::byte, 32>;

/// BLAKE3 of a stream of pieces.
///
/// Shape:   pieces of any length in, 32 bytes out (or any length by `finish_into`).
/// Source:  the BLAKE3 paper, 2020-01-09; checked with its published vectors and against b3sum.
/// Threads: one stream per object.
class Blake3 {
public:
  explicit Blake3(Blake3Lanes lanes = best_lanes());
  explicit Blake3(const Blake3Key& key, Blake3Lanes lanes = best_lanes());
  /// derive_key mode with a fixed, published context string.
  static Blake3 derive_key(std::string_view context, Blake3Lanes lanes = best_lanes());

  Blake3& update(base::ByteView bytes);
  base::Hash finish() const;
  void finish_into(base::MutableBytes out) const;
  /// update and finish in one, for a stream of a single piece: the short end is hashed side by side
  /// too.
  base::Hash finish_whole(base::ByteView bytes);

private:
  using Words = std::array<std::uint32_t, 8>;
  Blake3(const Words& key, std::uint32_t flags, Blake3Lanes lanes);
  void add_subtree(Words value, std::uint64_t chunk_count);
  base::ByteView add_whole_subtrees(base::ByteView bytes);
  void finish_with(base::ByteView rest, base::MutableBytes out) const;

  Blake3Lanes lanes_;
  std::uint32_t flags_;
  Words key_;
  std::array<Words, 54> stack_;  // chaining values of finished subtrees
  std::uint32_t stack_size_ = 0;
  std::uint64_t chunks_done_ = 0;
  std::array<std::byte, 1024> chunk_;  // the open chunk
  std::uint32_t chunk_size_ = 0;
};

/// BLAKE3 of one piece in memory; the fastest way.
base::Hash blake3(base::ByteView bytes);
base::Hash blake3_keyed(const Blake3Key& key, base::ByteView bytes);

}  // namespace holdfast::crypto
