#pragma once

#include "blake3_rows.hpp"

#include <immintrin.h>

// Registers of four and eight lanes. `Isa` brings the rotation, the only thing in which AVX2 and
// AVX-512 differ at these widths, and keeps the code of the two apart (see blake3_lanes.hpp).

namespace holdfast::crypto {

template <class Isa>
struct Registers4 {
  using Vector = __m128i;
  static constexpr std::size_t lanes = 4;

  HF_ALWAYS_INLINE static Vector add(Vector a, Vector b) { return _mm_add_epi32(a, b); }
  HF_ALWAYS_INLINE static Vector exclusive_or(Vector a, Vector b) { return _mm_xor_si128(a, b); }
  HF_ALWAYS_INLINE static Vector both(Vector a, Vector b) { return _mm_and_si128(a, b); }
  HF_ALWAYS_INLINE static Vector splat(std::uint32_t word) {
    return _mm_set1_epi32(static_cast<int>(word));
  }
  HF_ALWAYS_INLINE static Vector load(const void* from) {
    return _mm_loadu_si128(static_cast<const Vector*>(from));
  }
  HF_ALWAYS_INLINE static void store(void* to, Vector v) {
    _mm_storeu_si128(static_cast<Vector*>(to), v);
  }
  template <int count>
  HF_ALWAYS_INLINE static Vector rotate(Vector v) {
    return Isa::template rotate128<count>(v);
  }

  HF_ALWAYS_INLINE static void transpose(const Vector (&rows)[4], Vector* columns) {
    const Vector t0 = _mm_unpacklo_epi32(rows[0], rows[1]);
    const Vector t1 = _mm_unpackhi_epi32(rows[0], rows[1]);
    const Vector t2 = _mm_unpacklo_epi32(rows[2], rows[3]);
    const Vector t3 = _mm_unpackhi_epi32(rows[2], rows[3]);
    columns[0] = _mm_unpacklo_epi64(t0, t2);
    columns[1] = _mm_unpackhi_epi64(t0, t2);
    columns[2] = _mm_unpacklo_epi64(t1, t3);
    columns[3] = _mm_unpackhi_epi64(t1, t3);
  }

  /// message[w] holds word w of the blocks at `offset` of all inputs.
  HF_ALWAYS_INLINE static void load_blocks(const std::byte* const (&inputs)[4], std::size_t offset,
                                           Vector (&message)[16]) {
    for (std::size_t part = 0; part < 4; ++part) {
      const auto at = offset + part * 16;
      const Vector rows[4] = {load(inputs[0] + at), load(inputs[1] + at), load(inputs[2] + at),
                              load(inputs[3] + at)};
      transpose(rows, message + part * 4);
    }
  }

  /// The first `count` lanes, eight words each.
  HF_ALWAYS_INLINE static void store_values(const Vector (&value)[8], std::size_t count,
                                            std::uint32_t* values) {
    for (std::size_t half = 0; half < 2; ++half) {
      const Vector words[4] = {value[half * 4], value[half * 4 + 1], value[half * 4 + 2],
                               value[half * 4 + 3]};
      Vector lane[4];
      transpose(words, lane);
      for (std::size_t i = 0; i < count; ++i)
        store(values + i * 8 + half * 4, lane[i]);
    }
  }
};

template <class Isa>
struct Registers8 {
  using Vector = __m256i;
  static constexpr std::size_t lanes = 8;

  HF_ALWAYS_INLINE static Vector add(Vector a, Vector b) { return _mm256_add_epi32(a, b); }
  HF_ALWAYS_INLINE static Vector exclusive_or(Vector a, Vector b) { return _mm256_xor_si256(a, b); }
  HF_ALWAYS_INLINE static Vector both(Vector a, Vector b) { return _mm256_and_si256(a, b); }
  HF_ALWAYS_INLINE static Vector splat(std::uint32_t word) {
    return _mm256_set1_epi32(static_cast<int>(word));
  }
  HF_ALWAYS_INLINE static Vector load(const void* from) {
    return _mm256_loadu_si256(static_cast<const Vector*>(from));
  }
  HF_ALWAYS_INLINE static void store(void* to, Vector v) {
    _mm256_storeu_si256(static_cast<Vector*>(to), v);
  }
  template <int count>
  HF_ALWAYS_INLINE static Vector rotate(Vector v) {
    return Isa::template rotate256<count>(v);
  }

  /// Four rows of two quarters; each quarter of columns[i] holds word i of that quarter of the
  /// rows.
  HF_ALWAYS_INLINE static void transpose_quarters(const Vector* rows, Vector (&columns)[4]) {
    const Vector t0 = _mm256_unpacklo_epi32(rows[0], rows[1]);
    const Vector t1 = _mm256_unpackhi_epi32(rows[0], rows[1]);
    const Vector t2 = _mm256_unpacklo_epi32(rows[2], rows[3]);
    const Vector t3 = _mm256_unpackhi_epi32(rows[2], rows[3]);
    columns[0] = _mm256_unpacklo_epi64(t0, t2);
    columns[1] = _mm256_unpackhi_epi64(t0, t2);
    columns[2] = _mm256_unpacklo_epi64(t1, t3);
    columns[3] = _mm256_unpackhi_epi64(t1, t3);
  }

  HF_ALWAYS_INLINE static void transpose(const Vector (&rows)[8], Vector* columns) {
    Vector low[4];
    Vector high[4];
    transpose_quarters(rows, low);
    transpose_quarters(rows + 4, high);
    for (int i = 0; i < 4; ++i) {
      columns[i] = _mm256_permute2x128_si256(low[i], high[i], 0x20);
      columns[i + 4] = _mm256_permute2x128_si256(low[i], high[i], 0x31);
    }
  }

  HF_ALWAYS_INLINE static void load_blocks(const std::byte* const (&inputs)[8], std::size_t offset,
                                           Vector (&message)[16]) {
    for (std::size_t half = 0; half < 2; ++half) {
      const auto at = offset + half * 32;
      const Vector rows[8] = {load(inputs[0] + at), load(inputs[1] + at), load(inputs[2] + at),
                              load(inputs[3] + at), load(inputs[4] + at), load(inputs[5] + at),
                              load(inputs[6] + at), load(inputs[7] + at)};
      transpose(rows, message + half * 8);
    }
  }

  HF_ALWAYS_INLINE static void store_values(const Vector (&value)[8], std::size_t count,
                                            std::uint32_t* values) {
    Vector lane[8];
    transpose(value, lane);
    for (std::size_t i = 0; i < count; ++i)
      store(values + i * 8, lane[i]);
  }
};

/// Runs `work` for the narrowest register that holds `count` lanes, more than four.
template <class Eight, class Widest>
HF_ALWAYS_INLINE void with_wide_register(std::size_t count, auto&& work) {
  if constexpr (Widest::lanes > Eight::lanes) {
    if (count > Eight::lanes) return work.template operator()<Widest>();
  }
  work.template operator()<Eight>();
}

/// Groups as wide as the widest register, the rest in the narrowest that holds it.
template <class Four, class Eight, class Widest>
void hash_chunks(const Blake3Chunks& chunks, const std::uint32_t* key, std::uint32_t flags,
                 std::uint32_t* values) {
  for (std::size_t done = 0; done < chunks.count;) {
    const auto left = chunks.count - done;
    const auto take = left < Widest::lanes ? left : Widest::lanes;
    const Blake3Chunks group{chunks.input + done * blake3_chunk_size, take,
                             take == left ? chunks.last_size : blake3_chunk_size,
                             chunks.first_counter + done};
    std::uint32_t* const to = values + done * 8;
    if (take == 1) {
      hash_one_chunk<Four>(group, key, flags, to);
    } else if (take <= Four::lanes) {
      hash_chunk_group<Four>(group, key, flags, to);
    } else {
      with_wide_register<Eight, Widest>(
          take, [&]<class V>() { hash_chunk_group<V>(group, key, flags, to); });
    }
    done += take;
  }
}

template <class Four, class Eight, class Widest>
void hash_parents(const std::uint32_t* pairs, std::size_t count, const std::uint32_t* key,
                  std::uint32_t flags, std::uint32_t* values) {
  for (std::size_t done = 0; done < count;) {
    const auto left = count - done;
    const auto take = left < Widest::lanes ? left : Widest::lanes;
    const std::uint32_t* const from = pairs + done * 16;
    std::uint32_t* const to = values + done * 8;
    if (take == 1) {
      hash_one_parent<Four>(from, key, flags, to);
    } else if (take <= Four::lanes) {
      hash_parent_group<Four>(from, take, key, flags, to);
    } else {
      with_wide_register<Eight, Widest>(
          take, [&]<class V>() { hash_parent_group<V>(from, take, key, flags, to); });
    }
    done += take;
  }
}

}  // namespace holdfast::crypto
