// Fills a repository that `holdfast init` made with snapshots of a large site whose files are as
// small as can be: records, trees, reach objects, index and packs are what a backup writes, only
// the contents are not worth mentioning. So a plan of a prune has as much to think about as in a
// repository of many terabytes.
//
// usage: many_chunks REPOSITORY CACHE PASSPHRASE [SNAPSHOTS [PACK_SIZE]]
// With the usual 1,000 snapshots there are 10 million chunks, half of them from the first snapshot.
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"
#include "repository/repository.hpp"
#include "repository/tree.hpp"
#include "repository/write_session.hpp"
#include "storage/local/local_backend.hpp"

#include <fmt/format.h>

#include <charconv>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace holdfast;

constexpr std::size_t files_per_directory = 100;
constexpr std::size_t chunks_per_file = 50;
/// As many small files as commonly stand together.
constexpr std::size_t chunks_per_segment = 40;

class Site {
public:
  Site(repository::Repository& repository, std::size_t directories, std::uint64_t pack_size)
      : repository_(repository), directories_(directories), pack_size_(pack_size) {}

  /// A snapshot after the contents of these directories changed.
  void back_up(std::size_t first, std::size_t end) {
    repository::WriteOptions options;
    options.pack_size_target = pack_size_;
    options.compression_level = 1;
    repository::WriteSession session(repository_, options);
    session.builds_on(parent_);
    repository::MetadataWriter trees(session, repository_.keys(), 1);
    for (auto i = first; i < end; ++i)
      directories_[i] = directory(i, write_directory(session, trees));
    seal(session);
    repository::SnapshotItem item;
    item.path = "/site";
    item.root.entry.name = "site";
    item.root.entry.kind = sources::EntryKind::directory;
    item.root.tree = repository::write_tree(directories_, trees);
    trees.flush();
    session.finish();
    repository::Snapshot snapshot;
    snapshot.site = "site";
    snapshot.host = "bench";
    snapshot.started = snapshot.finished = repository_.environment().clock.wall_now();
    snapshot.parent = parent_;
    snapshot.items = {std::move(item)};
    parent_ = session.commit(snapshot);
  }

private:
  static repository::Node directory(std::size_t number, const base::ChunkId& tree) {
    repository::Node node;
    node.entry.name = fmt::format("directory-{:05}", number);
    node.entry.kind = sources::EntryKind::directory;
    node.tree = tree;
    return node;
  }

  base::ChunkId write_directory(repository::WriteSession& session,
                                repository::MetadataWriter& trees) {
    std::vector<repository::Node> nodes;
    for (std::size_t i = 0; i < files_per_directory; ++i) {
      auto& node = nodes.emplace_back();
      node.entry.name = fmt::format("file-{:05}", i);
      node.entry.kind = sources::EntryKind::file;
      for (std::size_t j = 0; j < chunks_per_file; ++j)
        node.chunks.push_back(write_chunk(session));
      node.entry.size = chunks_per_file * sizeof(chunks_);
    }
    return repository::write_tree(nodes, trees);
  }

  base::ChunkId write_chunk(repository::WriteSession& session) {
    base::Bytes content;
    base::put_le<std::uint64_t>(content, chunks_++);
    const auto id = repository_.keys().chunk_id(content);
    HF_ASSERT(session.claim(id), "no two chunks are alike");
    segment_.add(id, content);
    if (segment_.chunks().size() == chunks_per_segment) seal(session);
    return id;
  }

  void seal(repository::WriteSession& session) {
    if (!segment_.empty()) session.store(pipeline::PackKind::data, segment_, codec_);
  }

  repository::Repository& repository_;
  std::vector<repository::Node> directories_;
  const std::uint64_t pack_size_;
  std::optional<base::SnapshotId> parent_;
  pipeline::SegmentBuilder segment_;
  pipeline::SegmentCodec codec_{1};
  std::uint64_t chunks_ = 0;
};

void run(const std::string& directory, const std::string& cache, std::string_view passphrase,
         std::size_t snapshots, std::uint64_t pack_size) {
  const auto store = storage::open_local(directory, storage::LocalOpen::existing);
  base::SystemClock clock;
  base::SystemRandom random;
  const auto repository = repository::Repository::open(
      *store, base::Secret(base::as_bytes(passphrase)), {clock, random, cache});
  Site site(*repository, snapshots, pack_size);
  site.back_up(0, snapshots);
  for (std::size_t i = 1; i < snapshots; ++i)
    site.back_up(i - 1, i);
  fmt::print("{} snapshots, {} chunks\n", snapshots, repository->fresh_index().chunk_count());
}

/// The number in `text`; 0 when it is none.
std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

int main(int count, char** arguments) {
  const auto snapshots = count > 4 ? number_of(arguments[4]) : 1000;
  const auto pack_size = count > 5 ? number_of(arguments[5]) : 32'000;
  if (count < 4 || count > 6 || snapshots == 0 || pack_size == 0) {
    fmt::print("usage: many_chunks REPOSITORY CACHE PASSPHRASE [SNAPSHOTS [PACK_SIZE]]\n");
    return 2;
  }
  try {
    run(arguments[1], arguments[2], arguments[3], snapshots, pack_size);
    return 0;
  } catch (const std::exception& error) {
    fmt::print("many_chunks: {}\n", error.what());
    return 1;
  }
}
