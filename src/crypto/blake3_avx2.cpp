#if defined(__x86_64__)

#include "blake3_registers.hpp"

namespace holdfast::crypto {

namespace {

/// Rotations by whole bytes are shuffles of bytes; the others are two shifts.
struct Avx2 {
  template <int count>
  HF_ALWAYS_INLINE static __m128i rotate128(__m128i v) {
    if constexpr (count == 16) {
      return _mm_shuffle_epi8(v,
                              _mm_set_epi8(13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2));
    } else if constexpr (count == 8) {
      return _mm_shuffle_epi8(v,
                              _mm_set_epi8(12, 15, 14, 13, 8, 11, 10, 9, 4, 7, 6, 5, 0, 3, 2, 1));
    } else {
      return _mm_or_si128(_mm_srli_epi32(v, count), _mm_slli_epi32(v, 32 - count));
    }
  }

  template <int count>
  HF_ALWAYS_INLINE static __m256i rotate256(__m256i v) {
    if constexpr (count == 16) {
      return _mm256_shuffle_epi8(
          v, _mm256_set_epi8(13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2, 13, 12, 15, 14,
                             9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2));
    } else if constexpr (count == 8) {
      return _mm256_shuffle_epi8(
          v, _mm256_set_epi8(12, 15, 14, 13, 8, 11, 10, 9, 4, 7, 6, 5, 0, 3, 2, 1, 12, 15, 14, 13,
                             8, 11, 10, 9, 4, 7, 6, 5, 0, 3, 2, 1));
    } else {
      return _mm256_or_si256(_mm256_srli_epi32(v, count), _mm256_slli_epi32(v, 32 - count));
    }
  }
};

using Four = Registers4<Avx2>;
using Eight = Registers8<Avx2>;

}  // namespace

const Blake3Kernel blake3_avx2_kernel = {compress_block<Four>, hash_chunks<Four, Eight, Eight>,
                                         hash_parents<Four, Eight, Eight>};

}  // namespace holdfast::crypto

#endif
