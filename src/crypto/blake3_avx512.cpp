#if defined(__x86_64__)

#include "blake3_registers.hpp"

namespace holdfast::crypto {

namespace {

struct Avx512 {
  template <int count>
  HF_ALWAYS_INLINE static __m128i rotate128(__m128i v) {
    return _mm_ror_epi32(v, count);
  }
  template <int count>
  HF_ALWAYS_INLINE static __m256i rotate256(__m256i v) {
    return _mm256_ror_epi32(v, count);
  }
};

using Four = Registers4<Avx512>;
using Eight = Registers8<Avx512>;

struct Sixteen {
  using Vector = __m512i;
  static constexpr std::size_t lanes = 16;

  HF_ALWAYS_INLINE static Vector add(Vector a, Vector b) { return _mm512_add_epi32(a, b); }
  HF_ALWAYS_INLINE static Vector exclusive_or(Vector a, Vector b) { return _mm512_xor_si512(a, b); }
  HF_ALWAYS_INLINE static Vector both(Vector a, Vector b) { return _mm512_and_si512(a, b); }
  HF_ALWAYS_INLINE static Vector splat(std::uint32_t word) {
    return _mm512_set1_epi32(static_cast<int>(word));
  }
  HF_ALWAYS_INLINE static Vector load(const void* from) { return _mm512_loadu_si512(from); }
  template <int count>
  HF_ALWAYS_INLINE static Vector rotate(Vector v) {
    return _mm512_ror_epi32(v, count);
  }

  /// Four rows of four quarters; each quarter of columns[i] holds word i of that quarter of the
  /// rows.
  HF_ALWAYS_INLINE static void transpose_quarters(const Vector (&rows)[4], Vector (&columns)[4]) {
    const Vector t0 = _mm512_unpacklo_epi32(rows[0], rows[1]);
    const Vector t1 = _mm512_unpackhi_epi32(rows[0], rows[1]);
    const Vector t2 = _mm512_unpacklo_epi32(rows[2], rows[3]);
    const Vector t3 = _mm512_unpackhi_epi32(rows[2], rows[3]);
    columns[0] = _mm512_unpacklo_epi64(t0, t2);
    columns[1] = _mm512_unpackhi_epi64(t0, t2);
    columns[2] = _mm512_unpacklo_epi64(t1, t3);
    columns[3] = _mm512_unpackhi_epi64(t1, t3);
  }

  /// Quarter q of vectors[i] goes to quarter i of every fourth message word.
  HF_ALWAYS_INLINE static void gather_quarters(Vector v0, Vector v1, Vector v2, Vector v3,
                                               Vector* message) {
    constexpr int even = 0x88;
    constexpr int odd = 0xdd;
    const Vector even01 = _mm512_shuffle_i32x4(v0, v1, even);
    const Vector even23 = _mm512_shuffle_i32x4(v2, v3, even);
    const Vector odd01 = _mm512_shuffle_i32x4(v0, v1, odd);
    const Vector odd23 = _mm512_shuffle_i32x4(v2, v3, odd);
    message[0] = _mm512_shuffle_i32x4(even01, even23, even);
    message[4] = _mm512_shuffle_i32x4(odd01, odd23, even);
    message[8] = _mm512_shuffle_i32x4(even01, even23, odd);
    message[12] = _mm512_shuffle_i32x4(odd01, odd23, odd);
  }

  HF_ALWAYS_INLINE static void load_four(const std::byte* const* inputs, std::size_t offset,
                                         Vector (&columns)[4]) {
    const Vector rows[4] = {load(inputs[0] + offset), load(inputs[1] + offset),
                            load(inputs[2] + offset), load(inputs[3] + offset)};
    transpose_quarters(rows, columns);
  }

  HF_ALWAYS_INLINE static void load_blocks(const std::byte* const (&inputs)[16], std::size_t offset,
                                           Vector (&message)[16]) {
    Vector a[4];
    Vector b[4];
    Vector c[4];
    Vector d[4];
    load_four(inputs, offset, a);
    load_four(inputs + 4, offset, b);
    load_four(inputs + 8, offset, c);
    load_four(inputs + 12, offset, d);
    for (int i = 0; i < 4; ++i)
      gather_quarters(a[i], b[i], c[i], d[i], message + i);
  }

  HF_ALWAYS_INLINE static void store_values(const Vector (&value)[8], std::size_t count,
                                            std::uint32_t* values) {
    Eight::Vector low[8];
    Eight::Vector high[8];
    for (int i = 0; i < 8; ++i) {
      low[i] = _mm512_castsi512_si256(value[i]);
      high[i] = _mm512_extracti64x4_epi64(value[i], 1);
    }
    const auto low_count = count < Eight::lanes ? count : Eight::lanes;
    Eight::store_values(low, low_count, values);
    if (count > low_count) {
      Eight::store_values(high, count - low_count, values + low_count * 8);
    }
  }
};

}  // namespace

const Blake3Kernel blake3_avx512_kernel = {compress_block<Four>, hash_chunks<Four, Eight, Sixteen>,
                                           hash_parents<Four, Eight, Sixteen>};

}  // namespace holdfast::crypto

#endif
