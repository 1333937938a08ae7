#include "pipeline/entropy.hpp"

#include "base/fd.hpp"
#include "base/random.hpp"

#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <filesystem>
#include <string>

namespace holdfast::pipeline {
namespace {

using base::Bytes;

Bytes random_bytes(std::uint64_t seed, std::size_t size) {
  base::SeededRandom random(seed);
  Bytes bytes(size);
  random.fill(bytes);
  return bytes;
}

TEST(Entropy, random_bytes_look_incompressible) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    EXPECT_TRUE(looks_incompressible(random_bytes(seed, 16 * 1024 + seed * 997))) << seed;
  }
}

TEST(Entropy, text_zeros_counters_and_base64_look_compressible) {
  Bytes text, counter, base64;
  const std::string line = "2026-11-20T14:05:09Z GET /static/app.js 200 12ms \"agent 5.0\"\n";
  while (text.size() < 100'000)
    base::append(text, base::as_bytes(line));
  for (std::size_t i = 0; i < 100'000; ++i) {
    counter.push_back(std::byte{static_cast<std::uint8_t>(i)});
  }
  base64 = random_bytes(1, 100'000);
  for (auto& byte : base64)
    byte = std::byte{64} | (byte & std::byte{63});
  EXPECT_FALSE(looks_incompressible(text));
  EXPECT_FALSE(looks_incompressible(counter));
  EXPECT_FALSE(looks_incompressible(base64));
  EXPECT_FALSE(looks_incompressible(Bytes(100'000)));
}

TEST(Entropy, one_compressible_eighth_is_enough_to_try) {
  auto bytes = random_bytes(5, 1 << 20);
  std::fill_n(bytes.begin() + 300'000, bytes.size() / 8, std::byte{'x'});
  EXPECT_FALSE(looks_incompressible(bytes));
}

TEST(Entropy, little_data_is_always_tried) {
  EXPECT_FALSE(looks_incompressible(random_bytes(1, 4096)));
  EXPECT_FALSE(looks_incompressible({}));
}

TEST(Entropy, no_shared_library_looks_incompressible) {
  std::size_t seen = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           "/usr/lib", std::filesystem::directory_options::skip_permission_denied)) {
    if (!entry.is_regular_file() ||
        entry.path().filename().string().find(".so") == std::string::npos) {
      continue;
    }
    if (entry.file_size() > 16'000'000 || seen == 200) continue;
    ++seen;
    const auto bytes = base::read_file(entry.path().string(), 16'000'000);
    for (std::size_t at = 0; at < bytes.size(); at += 1 << 20) {
      const auto segment = base::ByteView(bytes).subspan(at).first(
          std::min<std::size_t>(1 << 20, bytes.size() - at));
      EXPECT_FALSE(looks_incompressible(segment)) << entry.path() << " at " << at;
    }
  }
  EXPECT_GT(seen, 0U);
}

TEST(Entropy, compressed_data_looks_incompressible) {
  Bytes text;
  base::SeededRandom random(1);
  while (text.size() < 4'000'000) {
    const std::string word = std::to_string(random.below(50'000)) + " bytes in file\n";
    base::append(text, base::as_bytes(word));
  }
  Bytes compressed(ZSTD_compressBound(text.size()));
  compressed.resize(
      ZSTD_compress(compressed.data(), compressed.size(), text.data(), text.size(), 9));
  ASSERT_GT(compressed.size(), 500'000U);
  EXPECT_TRUE(looks_incompressible(compressed));
}

}  // namespace
}  // namespace holdfast::pipeline
