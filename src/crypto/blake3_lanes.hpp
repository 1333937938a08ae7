#pragma once

#include "blake3_kernels.hpp"

#include <cstring>

// BLAKE3 hashes chunks of 1 KiB that do not depend on each other, so a vector register holds the
// same word of as many chunks as it has lanes. The algorithm is written once here and instantiated
// for each register type; the type brings its operations (V::add, V::rotate, ..., see
// blake3_avx2.cpp).
//
// A group that is not full runs all the same, with the last chunk standing in for the missing ones;
// a short last chunk runs beside the whole ones and stops changing after its last block. So a file
// of 5.3 KiB costs one pass of six lanes instead of five and a half chunks one after the other.
//
// Everything is a template over a type that lives in an anonymous namespace: code for a special
// processor cannot leak into the rest of the program (see blake3_kernels.hpp). For the same reason
// this uses nothing of the standard library but memcpy.

namespace holdfast::crypto {

template <class V>
HF_ALWAYS_INLINE void mix_lanes(typename V::Vector& a, typename V::Vector& b, typename V::Vector& c,
                                typename V::Vector& d, const typename V::Vector (&message)[2]) {
  a = V::add(V::add(a, b), message[0]);
  d = V::template rotate<16>(V::exclusive_or(d, a));
  c = V::add(c, d);
  b = V::template rotate<12>(V::exclusive_or(b, c));
  a = V::add(V::add(a, b), message[1]);
  d = V::template rotate<8>(V::exclusive_or(d, a));
  c = V::add(c, d);
  b = V::template rotate<7>(V::exclusive_or(b, c));
}

template <class V, int round>
HF_ALWAYS_INLINE void run_round(typename V::Vector (&v)[16], const typename V::Vector (&m)[16]) {
  constexpr const auto& order = blake3_schedule[round];
  mix_lanes<V>(v[0], v[4], v[8], v[12], {m[order[0]], m[order[1]]});
  mix_lanes<V>(v[1], v[5], v[9], v[13], {m[order[2]], m[order[3]]});
  mix_lanes<V>(v[2], v[6], v[10], v[14], {m[order[4]], m[order[5]]});
  mix_lanes<V>(v[3], v[7], v[11], v[15], {m[order[6]], m[order[7]]});
  mix_lanes<V>(v[0], v[5], v[10], v[15], {m[order[8]], m[order[9]]});
  mix_lanes<V>(v[1], v[6], v[11], v[12], {m[order[10]], m[order[11]]});
  mix_lanes<V>(v[2], v[7], v[8], v[13], {m[order[12]], m[order[13]]});
  mix_lanes<V>(v[3], v[4], v[9], v[14], {m[order[14]], m[order[15]]});
}

/// Counter, length and flags of one block, a lane each.
template <class V>
struct LaneSteps {
  typename V::Vector counter_low;
  typename V::Vector counter_high;
  typename V::Vector length;
  typename V::Vector flags;
};

template <class V>
HF_ALWAYS_INLINE void compress_lanes(typename V::Vector (&value)[8],
                                     const typename V::Vector (&m)[16], const LaneSteps<V>& steps) {
  typename V::Vector v[16] = {
      value[0],
      value[1],
      value[2],
      value[3],
      value[4],
      value[5],
      value[6],
      value[7],
      V::splat(blake3_start_value[0]),
      V::splat(blake3_start_value[1]),
      V::splat(blake3_start_value[2]),
      V::splat(blake3_start_value[3]),
      steps.counter_low,
      steps.counter_high,
      steps.length,
      steps.flags,
  };
  run_round<V, 0>(v, m);
  run_round<V, 1>(v, m);
  run_round<V, 2>(v, m);
  run_round<V, 3>(v, m);
  run_round<V, 4>(v, m);
  run_round<V, 5>(v, m);
  run_round<V, 6>(v, m);
  for (int i = 0; i < 8; ++i)
    value[i] = V::exclusive_or(v[i], v[i + 8]);
}

/// `chosen` where `mask` is all ones, `other` where it is zero.
template <class V>
HF_ALWAYS_INLINE typename V::Vector select_lanes(typename V::Vector mask, typename V::Vector chosen,
                                                 typename V::Vector other) {
  return V::exclusive_or(other, V::both(mask, V::exclusive_or(chosen, other)));
}

/// Where the lanes of a group read, and how they count.
template <class V>
struct LaneInputs {
  const std::byte* inputs[V::lanes];
  typename V::Vector counter_low;
  typename V::Vector counter_high;
  typename V::Vector is_last;  // all ones in the lane of the last chunk

  /// `tail` has room for a chunk; a short last chunk is completed with zeros there.
  LaneInputs(const Blake3Chunks& chunks, std::byte* tail) {
    const auto last = chunks.count - 1;
    const std::byte* last_input = chunks.input + last * blake3_chunk_size;
    if (chunks.last_size < blake3_chunk_size) {
      std::memcpy(tail, last_input, chunks.last_size);
      std::memset(tail + chunks.last_size, 0, blake3_chunk_size - chunks.last_size);
      last_input = tail;
    }
    std::uint32_t low[V::lanes];
    std::uint32_t high[V::lanes];
    std::uint32_t mask[V::lanes];
    for (std::size_t i = 0; i < V::lanes; ++i) {
      const auto counter = chunks.first_counter + i;
      inputs[i] = i < last ? chunks.input + i * blake3_chunk_size : last_input;
      low[i] = static_cast<std::uint32_t>(counter);
      high[i] = static_cast<std::uint32_t>(counter >> 32);
      mask[i] = i == last ? ~std::uint32_t{0} : 0;
    }
    counter_low = V::load(low);
    counter_high = V::load(high);
    is_last = V::load(mask);
  }
};

/// At most V::lanes chunks.
template <class V>
void hash_chunk_group(const Blake3Chunks& chunks, const std::uint32_t* key, std::uint32_t mode,
                      std::uint32_t* values) {
  using Vector = typename V::Vector;
  std::byte tail[blake3_chunk_size];
  const LaneInputs<V> lanes(chunks, tail);
  const auto last_block = (chunks.last_size - 1) / blake3_block_size;
  const auto last_length =
      static_cast<std::uint32_t>(chunks.last_size - last_block * blake3_block_size);
  const bool is_ragged = chunks.last_size < blake3_chunk_size;

  Vector value[8];
  for (int i = 0; i < 8; ++i)
    value[i] = V::splat(key[i]);
  for (std::size_t block = 0; block < blake3_chunk_blocks; ++block) {
    const auto flags = mode | (block == 0 ? blake3_chunk_start : 0) |
                       (block == blake3_chunk_blocks - 1 ? blake3_chunk_end : 0);
    LaneSteps<V> steps{lanes.counter_low, lanes.counter_high, V::splat(blake3_block_size),
                       V::splat(flags)};
    if (is_ragged && block == last_block) {
      steps.length = select_lanes<V>(lanes.is_last, V::splat(last_length), steps.length);
      steps.flags = select_lanes<V>(lanes.is_last, V::splat(flags | blake3_chunk_end), steps.flags);
    }
    Vector message[16];
    V::load_blocks(lanes.inputs, block * blake3_block_size, message);
    if (block <= last_block) {
      compress_lanes<V>(value, message, steps);
    } else {
      Vector before[8];
      for (int i = 0; i < 8; ++i)
        before[i] = value[i];
      compress_lanes<V>(value, message, steps);
      for (int i = 0; i < 8; ++i)
        value[i] = select_lanes<V>(lanes.is_last, before[i], value[i]);
    }
  }
  V::store_values(value, chunks.count, values);
}

/// At most V::lanes parents.
template <class V>
void hash_parent_group(const std::uint32_t* pairs, std::size_t count, const std::uint32_t* key,
                       std::uint32_t mode, std::uint32_t* values) {
  using Vector = typename V::Vector;
  const std::byte* inputs[V::lanes];
  for (std::size_t i = 0; i < V::lanes; ++i) {
    inputs[i] = reinterpret_cast<const std::byte*>(pairs + (i < count ? i : count - 1) * 16);
  }
  Vector message[16];
  V::load_blocks(inputs, 0, message);
  Vector value[8];
  for (int i = 0; i < 8; ++i)
    value[i] = V::splat(key[i]);
  compress_lanes<V>(
      value, message,
      {V::splat(0), V::splat(0), V::splat(blake3_block_size), V::splat(mode | blake3_parent)});
  V::store_values(value, count, values);
}

}  // namespace holdfast::crypto
