#include "browse/statistics.hpp"

#include "repository/elsewhere.hpp"
#include "repository/index.hpp"

namespace holdfast::browse {

RepositoryStatistics measure(repository::Repository& repository) {
  RepositoryStatistics statistics;
  auto& index = repository.index();
  const auto away = repository::list_marked_packs(repository.backend()).away;
  for (const auto& pack : index.packs()) {
    ++statistics.packs;
    if (away.contains(pack.id)) {
      ++statistics.away_packs;
      statistics.away_bytes += pack.size;
    }
    switch (pack.kind) {
      case pipeline::PackKind::data:
        statistics.data_bytes += pack.size;
        break;
      case pipeline::PackKind::tree:
        statistics.tree_bytes += pack.size;
        break;
      case pipeline::PackKind::stream:
        statistics.stream_bytes += pack.size;
        break;
    }
  }
  index.for_each([&](const base::ChunkId&, const repository::ChunkLocation& location) {
    ++statistics.chunks;
    statistics.bytes += location.length;
  });
  return statistics;
}

}  // namespace holdfast::browse
