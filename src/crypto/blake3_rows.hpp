#pragma once

#include "blake3_lanes.hpp"

#include <immintrin.h>

// One block alone: the four rows of the state are four registers, the columns and then the
// diagonals are mixed at once. The message is put in order by shuffles, each round from the order
// of the round before. For inputs of one chunk, and for the nodes near the root, where there is
// nothing beside.

namespace holdfast::crypto {

template <class X>
struct Rows {
  __m128i a, b, c, d;
};

template <class X, int first_rotation, int second_rotation>
HF_ALWAYS_INLINE void mix_rows(Rows<X>& rows, __m128i message) {
  rows.a = _mm_add_epi32(_mm_add_epi32(rows.a, message), rows.b);
  rows.d = X::template rotate<first_rotation>(_mm_xor_si128(rows.d, rows.a));
  rows.c = _mm_add_epi32(rows.c, rows.d);
  rows.b = X::template rotate<second_rotation>(_mm_xor_si128(rows.b, rows.c));
}

/// Each register takes its even or odd words of two others.
template <class X, int order>
HF_ALWAYS_INLINE __m128i shuffle_pair(__m128i a, __m128i b) {
  return _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), order));
}

// Row a turns rather than row b, which is the end of the longest chain of dependencies.
template <class X>
HF_ALWAYS_INLINE void make_diagonal(Rows<X>& rows) {
  rows.a = _mm_shuffle_epi32(rows.a, _MM_SHUFFLE(2, 1, 0, 3));
  rows.d = _mm_shuffle_epi32(rows.d, _MM_SHUFFLE(1, 0, 3, 2));
  rows.c = _mm_shuffle_epi32(rows.c, _MM_SHUFFLE(0, 3, 2, 1));
}

template <class X>
HF_ALWAYS_INLINE void undo_diagonal(Rows<X>& rows) {
  rows.a = _mm_shuffle_epi32(rows.a, _MM_SHUFFLE(0, 3, 2, 1));
  rows.d = _mm_shuffle_epi32(rows.d, _MM_SHUFFLE(1, 0, 3, 2));
  rows.c = _mm_shuffle_epi32(rows.c, _MM_SHUFFLE(2, 1, 0, 3));
}

template <class X>
HF_ALWAYS_INLINE void mix_round(Rows<X>& rows, const __m128i (&message)[4]) {
  mix_rows<X, 16, 12>(rows, message[0]);
  mix_rows<X, 8, 7>(rows, message[1]);
  make_diagonal(rows);
  mix_rows<X, 16, 12>(rows, message[2]);
  mix_rows<X, 8, 7>(rows, message[3]);
  undo_diagonal(rows);
}

/// From the order of memory to that of the first round.
template <class X>
HF_ALWAYS_INLINE void order_message(__m128i (&m)[4]) {
  const __m128i columns_x = shuffle_pair<X, _MM_SHUFFLE(2, 0, 2, 0)>(m[0], m[1]);
  const __m128i columns_y = shuffle_pair<X, _MM_SHUFFLE(3, 1, 3, 1)>(m[0], m[1]);
  const __m128i diagonals_x = shuffle_pair<X, _MM_SHUFFLE(2, 0, 2, 0)>(m[2], m[3]);
  const __m128i diagonals_y = shuffle_pair<X, _MM_SHUFFLE(3, 1, 3, 1)>(m[2], m[3]);
  m[0] = columns_x;
  m[1] = columns_y;
  m[2] = _mm_shuffle_epi32(diagonals_x, _MM_SHUFFLE(2, 1, 0, 3));
  m[3] = _mm_shuffle_epi32(diagonals_y, _MM_SHUFFLE(2, 1, 0, 3));
}

/// From the order of one round to that of the next.
template <class X>
HF_ALWAYS_INLINE void reorder_message(__m128i (&m)[4]) {
  __m128i columns_x = shuffle_pair<X, _MM_SHUFFLE(3, 1, 1, 2)>(m[0], m[1]);
  columns_x = _mm_shuffle_epi32(columns_x, _MM_SHUFFLE(0, 3, 2, 1));
  __m128i columns_y = shuffle_pair<X, _MM_SHUFFLE(3, 3, 2, 2)>(m[2], m[3]);
  columns_y = _mm_blend_epi16(_mm_shuffle_epi32(m[0], _MM_SHUFFLE(0, 0, 3, 3)), columns_y, 0xCC);
  __m128i diagonals_x = _mm_blend_epi16(_mm_unpacklo_epi64(m[3], m[1]), m[2], 0xC0);
  diagonals_x = _mm_shuffle_epi32(diagonals_x, _MM_SHUFFLE(1, 3, 2, 0));
  __m128i diagonals_y = _mm_unpacklo_epi32(m[2], _mm_unpackhi_epi32(m[1], m[3]));
  diagonals_y = _mm_shuffle_epi32(diagonals_y, _MM_SHUFFLE(0, 1, 3, 2));
  m[0] = columns_x;
  m[1] = columns_y;
  m[2] = diagonals_x;
  m[3] = diagonals_y;
}

template <class X>
HF_ALWAYS_INLINE void compress_rows(__m128i (&value)[2], const std::byte* block,
                                    const Blake3Step& step) {
  Rows<X> rows{value[0], value[1], X::load(blake3_start_value),
               _mm_set_epi32(static_cast<int>(step.flags), static_cast<int>(step.length),
                             static_cast<int>(step.counter >> 32), static_cast<int>(step.counter))};
  __m128i message[4];
  for (int i = 0; i < 4; ++i) {
    message[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + i * 16));
  }
  order_message<X>(message);
  mix_round(rows, message);
  for (int round = 1; round < 7; ++round) {
    reorder_message<X>(message);
    mix_round(rows, message);
  }
  value[0] = _mm_xor_si128(rows.a, rows.c);
  value[1] = _mm_xor_si128(rows.b, rows.d);
}

template <class X>
void compress_block(std::uint32_t* value, const std::byte* block, const Blake3Step& step) {
  __m128i values[2] = {X::load(value), X::load(value + 4)};
  compress_rows<X>(values, block, step);
  X::store(value, values[0]);
  X::store(value + 4, values[1]);
}

/// One chunk of `size` bytes, the value kept in registers from block to block.
template <class X>
void hash_one_chunk(const Blake3Chunks& chunk, const std::uint32_t* key, std::uint32_t mode,
                    std::uint32_t* value) {
  __m128i values[2] = {X::load(key), X::load(key + 4)};
  const std::size_t size = chunk.last_size;
  Blake3Step step{chunk.first_counter, blake3_block_size, mode | blake3_chunk_start};
  std::size_t at = 0;
  for (; at + blake3_block_size < size; at += blake3_block_size) {
    compress_rows<X>(values, chunk.input + at, step);
    step.flags = mode;
  }
  std::byte block[blake3_block_size] = {};
  step.length = static_cast<std::uint32_t>(size - at);
  step.flags |= blake3_chunk_end;
  std::memcpy(block, chunk.input + at, step.length);
  compress_rows<X>(values, block, step);
  X::store(value, values[0]);
  X::store(value + 4, values[1]);
}

template <class X>
void hash_one_parent(const std::uint32_t* pair, const std::uint32_t* key, std::uint32_t mode,
                     std::uint32_t* value) {
  __m128i values[2] = {X::load(key), X::load(key + 4)};
  compress_rows<X>(values, reinterpret_cast<const std::byte*>(pair),
                   {0, blake3_block_size, mode | blake3_parent});
  X::store(value, values[0]);
  X::store(value + 4, values[1]);
}

}  // namespace holdfast::crypto
