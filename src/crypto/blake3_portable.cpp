#include "blake3_kernels.hpp"

#include <bit>
#include <cstring>

namespace holdfast::crypto {

namespace {

HF_ALWAYS_INLINE void mix(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d,
                          std::uint32_t x, std::uint32_t y) {
  a = a + b + x;
  d = std::rotr(d ^ a, 16);
  c = c + d;
  b = std::rotr(b ^ c, 12);
  a = a + b + y;
  d = std::rotr(d ^ a, 8);
  c = c + d;
  b = std::rotr(b ^ c, 7);
}

/// The round is a template argument so that the order of the message is known to the compiler: half
/// as fast again as a loop over the schedule.
template <int round>
HF_ALWAYS_INLINE void run_round(std::uint32_t (&v)[16], const std::uint32_t (&m)[16]) {
  constexpr const auto& order = blake3_schedule[round];
  mix(v[0], v[4], v[8], v[12], m[order[0]], m[order[1]]);
  mix(v[1], v[5], v[9], v[13], m[order[2]], m[order[3]]);
  mix(v[2], v[6], v[10], v[14], m[order[4]], m[order[5]]);
  mix(v[3], v[7], v[11], v[15], m[order[6]], m[order[7]]);
  mix(v[0], v[5], v[10], v[15], m[order[8]], m[order[9]]);
  mix(v[1], v[6], v[11], v[12], m[order[10]], m[order[11]]);
  mix(v[2], v[7], v[8], v[13], m[order[12]], m[order[13]]);
  mix(v[3], v[4], v[9], v[14], m[order[14]], m[order[15]]);
}

void run_rounds(std::uint32_t (&v)[16], const std::uint32_t (&m)[16]) {
  run_round<0>(v, m);
  run_round<1>(v, m);
  run_round<2>(v, m);
  run_round<3>(v, m);
  run_round<4>(v, m);
  run_round<5>(v, m);
  run_round<6>(v, m);
}

void compress(std::uint32_t* value, const std::byte* block, const Blake3Step& step) {
  std::uint32_t words[16];
  blake3_expand(value, block, step, words);
  std::memcpy(value, words, 8 * sizeof(std::uint32_t));
}

void hash_chunk(const std::byte* input, std::size_t size, Blake3Step step, std::uint32_t* value) {
  const auto mode = step.flags;
  for (std::size_t at = 0; at < size; at += blake3_block_size) {
    const auto left = size - at;
    std::byte block[blake3_block_size] = {};
    step.length = static_cast<std::uint32_t>(left < sizeof block ? left : sizeof block);
    std::memcpy(block, input + at, step.length);
    step.flags = mode | (at == 0 ? blake3_chunk_start : 0) |
                 (left <= blake3_block_size ? blake3_chunk_end : 0);
    compress(value, block, step);
  }
}

void hash_chunks(const Blake3Chunks& chunks, const std::uint32_t* key, std::uint32_t flags,
                 std::uint32_t* values) {
  for (std::size_t i = 0; i < chunks.count; ++i) {
    const auto size = i + 1 == chunks.count ? chunks.last_size : blake3_chunk_size;
    std::memcpy(values + i * 8, key, 8 * sizeof(std::uint32_t));
    hash_chunk(chunks.input + i * blake3_chunk_size, size, {chunks.first_counter + i, 0, flags},
               values + i * 8);
  }
}

void hash_parents(const std::uint32_t* pairs, std::size_t count, const std::uint32_t* key,
                  std::uint32_t flags, std::uint32_t* values) {
  for (std::size_t i = 0; i < count; ++i) {
    std::byte block[blake3_block_size];
    std::memcpy(block, pairs + i * 16, sizeof block);
    std::memcpy(values + i * 8, key, 8 * sizeof(std::uint32_t));
    compress(values + i * 8, block, {0, blake3_block_size, flags | blake3_parent});
  }
}

}  // namespace

void blake3_expand(const std::uint32_t* value, const std::byte* block, const Blake3Step& step,
                   std::uint32_t* words) {
  std::uint32_t message[16];
  std::memcpy(message, block, sizeof message);
  std::uint32_t v[16];
  std::memcpy(v, value, 8 * sizeof(std::uint32_t));
  std::memcpy(v + 8, blake3_start_value, 4 * sizeof(std::uint32_t));
  v[12] = static_cast<std::uint32_t>(step.counter);
  v[13] = static_cast<std::uint32_t>(step.counter >> 32);
  v[14] = step.length;
  v[15] = step.flags;
  run_rounds(v, message);
  for (int i = 0; i < 8; ++i) {
    words[i] = v[i] ^ v[i + 8];
    words[i + 8] = v[i + 8] ^ value[i];
  }
}

const Blake3Kernel blake3_portable_kernel = {compress, hash_chunks, hash_parents};

}  // namespace holdfast::crypto
