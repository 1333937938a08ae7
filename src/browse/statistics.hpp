#pragma once

#include "repository/repository.hpp"

#include <cstdint>

namespace holdfast::browse {

/// What a repository holds and costs, from its index and the marks of packs elsewhere.
struct RepositoryStatistics {
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;  // raw, of all chunks
  std::uint64_t packs = 0;
  std::uint64_t data_bytes = 0;    // stored, of data packs
  std::uint64_t tree_bytes = 0;    // stored, of tree packs
  std::uint64_t stream_bytes = 0;  // stored, of stream packs
  std::uint64_t away_packs = 0;    // of these, in another store instead
  std::uint64_t away_bytes = 0;
  std::uint64_t stored_bytes() const { return data_bytes + tree_bytes + stream_bytes; }
};
RepositoryStatistics measure(repository::Repository& repository);

}  // namespace holdfast::browse
