#pragma once

#include <cstddef>
#include <cstdint>

// What the code for each kind of processor does, and the numbers of the paper. The kernel files are
// compiled for processors that not every machine has, so nothing here (and nothing they include)
// may define an inline function with a name of its own: the linker could pick that copy for
// everybody.

#define HF_ALWAYS_INLINE [[gnu::always_inline]] inline

namespace holdfast::crypto {

inline constexpr std::size_t blake3_block_size = 64;
inline constexpr std::size_t blake3_chunk_size = 1024;
inline constexpr std::size_t blake3_chunk_blocks = blake3_chunk_size / blake3_block_size;

inline constexpr std::uint32_t blake3_chunk_start = 1;
inline constexpr std::uint32_t blake3_chunk_end = 2;
inline constexpr std::uint32_t blake3_parent = 4;
inline constexpr std::uint32_t blake3_root = 8;
inline constexpr std::uint32_t blake3_keyed_hash = 16;
inline constexpr std::uint32_t blake3_derive_context = 32;
inline constexpr std::uint32_t blake3_derive_material = 64;

inline constexpr std::uint32_t blake3_start_value[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/// Which message word goes where in each of the seven rounds.
inline constexpr std::uint8_t blake3_schedule[7][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
    {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
    {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

/// What belongs to one call of the compression function beside the value and the block.
struct Blake3Step {
  std::uint64_t counter;
  std::uint32_t length;
  std::uint32_t flags;
};

/// `count` chunks one after the other in memory; all are whole except the last, of 1 to 1024 bytes.
struct Blake3Chunks {
  const std::byte* input;
  std::size_t count;
  std::size_t last_size;
  std::uint64_t first_counter;
};

/// One implementation. Chaining values are 8 words each; `key` is 8 words, `flags` those of the
/// mode.
struct Blake3Kernel {
  void (*compress)(std::uint32_t* value, const std::byte* block, const Blake3Step& step);
  void (*hash_chunks)(const Blake3Chunks& chunks, const std::uint32_t* key, std::uint32_t flags,
                      std::uint32_t* values);
  /// Each pair of `pairs` becomes one of `values`, which may be the same memory.
  void (*hash_parents)(const std::uint32_t* pairs, std::size_t count, const std::uint32_t* key,
                       std::uint32_t flags, std::uint32_t* values);
};

extern const Blake3Kernel blake3_portable_kernel;
#if defined(__x86_64__)
extern const Blake3Kernel blake3_avx2_kernel;
extern const Blake3Kernel blake3_avx512_kernel;
#endif

/// All sixteen words after the rounds, for output longer than a chaining value.
void blake3_expand(const std::uint32_t* value, const std::byte* block, const Blake3Step& step,
                   std::uint32_t* words);

}  // namespace holdfast::crypto
