// The index at a size that no test reaches: what it keeps in memory, how fast it opens and answers.
//
// usage: index_bench DIRECTORY [MILLIONS]
// DIRECTORY is filled with 1 GB at the usual 10 million chunks.
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "repository/index.hpp"
#include "storage/local/local_backend.hpp"

#include <fmt/format.h>

#include <charconv>
#include <exception>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <vector>

namespace {

using namespace holdfast;

constexpr std::size_t packs_per_segment = 200;
constexpr std::uint32_t segments_per_pack = 32;
constexpr std::size_t chunks_per_segment = 40;
constexpr std::size_t sampled_every = 10;

class Stopwatch {
public:
  double seconds() const { return base::seconds_between(start_, clock_.now()); }

private:
  base::SystemClock clock_;
  base::Instant start_ = clock_.now();
};

/// Of this process, user and system: the same however busy the machine is.
double cpu_seconds() {
  rusage usage{};
  HF_ASSERT(getrusage(RUSAGE_SELF, &usage) == 0, "a process may ask what it used");
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

pipeline::PackDirectory make_pack(base::Random& random, std::vector<base::ChunkId>& sample) {
  pipeline::PackDirectory pack;
  pack.pack = random.id<base::PackId>();
  std::uint64_t offset = pipeline::pack_header_size;
  for (std::uint32_t i = 0; i < segments_per_pack; ++i) {
    auto& segment = pack.segments.emplace_back();
    segment.position = i;
    segment.offset = offset;
    std::uint32_t raw = 0;
    for (std::size_t j = 0; j < chunks_per_segment; ++j) {
      const auto length = static_cast<std::uint32_t>(random.below(52'000));
      segment.chunks.push_back({random.id<base::ChunkId>(), raw, length});
      raw += length;
      if (j % sampled_every == 0) sample.push_back(segment.chunks.back().id);
    }
    segment.encoded_size = raw + 4 + 4 * static_cast<std::uint32_t>(chunks_per_segment);
    segment.stored_size = segment.encoded_size / 3;
    offset += segment.stored_size;
  }
  pack.size = offset + 50'000;
  return pack;
}

void report(std::string_view what, double value, std::string_view unit) {
  fmt::print("{:<44} {:>12.2f} {}\n", what, value, unit);
}

/// CPU seconds of one lookup.
double time_lookups(const repository::Index& index, const std::vector<base::ChunkId>& ids,
                    bool expected) {
  const auto start = cpu_seconds();
  for (const auto& id : ids)
    HF_ASSERT(index.find(id).has_value() == expected, "the index knows what was put in it");
  return (cpu_seconds() - start) / static_cast<double>(ids.size());
}

void run(const std::string& directory, std::size_t millions) {
  base::SeededRandom random(1);
  const auto keys = repository::make_owner_bundle(random);
  const auto id = random.id<base::RepositoryId>();
  const auto store = storage::open_local(directory + "/store", storage::LocalOpen::create);
  constexpr auto chunks_each = packs_per_segment * segments_per_pack * chunks_per_segment;
  const auto index_segments = millions * 1'000'000 / chunks_each + 1;
  std::vector<base::ChunkId> sample;
  for (std::size_t i = 0; i < index_segments; ++i) {
    std::vector<pipeline::PackDirectory> packs;
    for (std::size_t j = 0; j < packs_per_segment; ++j)
      packs.push_back(make_pack(random, sample));
    static_cast<void>(repository::store_index_segment(*store, id, keys, packs, random));
  }
  std::uint64_t stored = 0;
  store->list("index/", [&](const auto& object) { stored += object.size; });
  {
    const Stopwatch watch;
    repository::Index index(*store, id, keys, directory);
    index.refresh();
    report("making the local cache", watch.seconds(), "s");
  }
  const Stopwatch watch;
  repository::Index index(*store, id, keys, directory);
  index.refresh();
  report("opening with a warm cache", watch.seconds() * 1e3, "ms");
  const auto chunks = static_cast<double>(index.chunk_count());
  report("chunks", chunks / 1e6, "million");
  report("stored bytes a chunk", static_cast<double>(stored) / chunks, "bytes");
  report("resident bytes a chunk", static_cast<double>(index.resident_bytes()) / chunks, "bytes");

  std::vector<base::ChunkId> absent(2'000'000);
  for (auto& one : absent)
    one = random.id<base::ChunkId>();
  for (std::size_t i = sample.size(); i > 1; --i)
    std::swap(sample[i - 1], sample[random.below(i)]);
  report("lookup of an absent id", time_lookups(index, absent, false) * 1e9, "ns");
  report("lookup of a present id, first", time_lookups(index, sample, true) * 1e9, "ns");
  report("lookup of a present id, again", time_lookups(index, sample, true) * 1e9, "ns");
  const auto start = cpu_seconds();
  HF_ASSERT(index.find_all(sample).size() == sample.size(), "an answer for each id");
  report("lookup of a present id, all at once",
         (cpu_seconds() - start) * 1e9 / static_cast<double>(sample.size()), "ns");
}

}  // namespace

int main(int count, char** arguments) {
  std::size_t millions = 10;
  if (count == 3) {
    const std::string_view text = arguments[2];
    std::from_chars(text.data(), text.data() + text.size(), millions);
  }
  if (count < 2 || count > 3 || millions == 0) {
    fmt::print("usage: index_bench DIRECTORY [MILLIONS]\n");
    return 2;
  }
  try {
    run(arguments[1], millions);
    return 0;
  } catch (const std::exception& error) {
    fmt::print("index_bench: {}\n", error.what());
    return 1;
  }
}
