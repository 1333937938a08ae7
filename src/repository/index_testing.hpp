#pragma once

#include "base/random.hpp"
#include "pipeline/pack.hpp"

#include <cstdint>
#include <vector>

namespace holdfast::repository {

struct MadePacks {
  std::size_t packs = 2;
  std::size_t segments = 10;  // in each pack
  std::size_t chunks = 50;    // in each segment
};

/// Directories of packs that could be, with random ids and lengths.
inline std::vector<pipeline::PackDirectory> make_directories(base::Random& random,
                                                             const MadePacks& shape) {
  std::vector<pipeline::PackDirectory> packs(shape.packs);
  for (auto& pack : packs) {
    pack.pack = random.id<base::PackId>();
    pack.kind = static_cast<pipeline::PackKind>(1 + random.below(3));
    pack.epoch = 1;
    std::uint64_t offset = pipeline::pack_header_size;
    for (std::uint32_t i = 0; i < shape.segments; ++i) {
      auto& segment = pack.segments.emplace_back();
      segment.position = i;
      segment.offset = offset;
      std::uint32_t raw = 0;
      for (std::size_t j = 0; j < shape.chunks; ++j) {
        const auto length = static_cast<std::uint32_t>(random.below(40'000));
        segment.chunks.push_back({random.id<base::ChunkId>(), raw, length});
        raw += length;
      }
      segment.encoded_size = raw + 4 + 4 * static_cast<std::uint32_t>(shape.chunks);
      segment.stored_size =
          segment.encoded_size / 3 + static_cast<std::uint32_t>(random.below(999));
      offset += segment.stored_size;
    }
    pack.size = offset + 5000;
  }
  return packs;
}

}  // namespace holdfast::repository
