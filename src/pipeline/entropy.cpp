// Problem: compressing what is compressed or encrypted already costs as much as compressing text
//          and gains nothing.
// Idea:    32 samples of 512 bytes, spread evenly; in each, the sum of the squares of how often
//          every byte value occurs. Uniformly random bytes give 512 + 512 * 511 / 256 = 1534,
//          standard deviation 45;
//          text and machine code give five to thirty times that; ramps and counters give less than
//          1100. A block is called incompressible only when every single sample is near 1534, so
//          that one compressible sample is enough to try.
// Cost:    16 KiB looked at of a segment of 1 MiB: about 10 microseconds beside 3
//          milliseconds of zstd.

#include "pipeline/entropy.hpp"

#include <array>
#include <cstdint>

namespace holdfast::pipeline {

namespace {

constexpr std::size_t sample_size = 512;
constexpr std::size_t sample_count = 32;
constexpr std::uint32_t random_sum = 1534;
// Eight standard deviations to either side.
constexpr std::uint32_t sum_min = random_sum - 8 * 45;
constexpr std::uint32_t sum_max = random_sum + 8 * 45;

bool is_like_random(const std::byte* sample) {
  // Two tables, so that equal neighbours do not wait for each other's store.
  std::array<std::array<std::uint16_t, 256>, 2> seen{};
  for (std::size_t i = 0; i < sample_size; i += 2) {
    ++seen[0][static_cast<std::uint8_t>(sample[i])];
    ++seen[1][static_cast<std::uint8_t>(sample[i + 1])];
  }
  std::uint32_t sum = 0;
  for (std::size_t value = 0; value < 256; ++value) {
    const std::uint32_t times = std::uint32_t{seen[0][value]} + seen[1][value];
    sum += times * times;
  }
  return sum >= sum_min && sum <= sum_max;
}

}  // namespace

bool looks_incompressible(base::ByteView bytes) {
  // Too little to judge by, and quickly compressed.
  if (bytes.size() < sample_count * sample_size) return false;
  const std::size_t stride = (bytes.size() - sample_size) / (sample_count - 1);
  for (std::size_t i = 0; i < sample_count; ++i) {
    if (!is_like_random(bytes.data() + i * stride)) return false;
  }
  return true;
}

}  // namespace holdfast::pipeline
