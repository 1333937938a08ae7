#include "repository/segment_reader.hpp"

#include "base/error.hpp"
#include "index_segment.hpp"
#include "pack_ciphers.hpp"
#include "pipeline/segment.hpp"

#include <fmt/format.h>

namespace holdfast::repository {

using base::ByteView;
using base::Error;
using base::ErrorKind;

namespace {

/// Reading what lies between costs less than another request.
constexpr std::uint64_t gap_max = 256ULL * 1024;
constexpr std::uint64_t run_max = 8ULL * 1024 * 1024;
/// A stored segment is no larger than its plain form and a small frame.
constexpr std::uint32_t stored_segment_max = pipeline::encoded_segment_size_max + 1024;

std::string describe(const PackInfo& pack, const SegmentLocation& location) {
  return fmt::format("reading segment {} of {}", location.position, pack_object_name(pack.id));
}

}  // namespace

struct SegmentReader::State {
  explicit State(Repository& from) : repository(from), ciphers(from) {}

  /// `size` bytes from `offset` in `pack`.
  ByteView fetch(const PackInfo& pack, std::uint64_t offset, std::uint64_t size,
                 base::Buffer& into);
  ByteView open(const PackInfo& pack, const SegmentLocation& location, ByteView framed);
  /// As open; what is damaged is read from wherever else the store has it.
  ByteView open_somewhere(const PackInfo& pack, const SegmentLocation& location, ByteView framed);
  /// How many of `locations` are read together, from the first on.
  static std::size_t run_length(std::span<const SegmentLocation> locations);

  Repository& repository;
  PackCiphers ciphers;
  pipeline::SegmentCodec codec;
  base::Buffer stored;
  base::Buffer elsewhere;  // one segment; the others of a run stay in `stored`
};

ByteView SegmentReader::State::fetch(const PackInfo& pack, std::uint64_t offset, std::uint64_t size,
                                     base::Buffer& into) {
  into.reserve_discarding(size);
  const auto name = pack_object_name(pack.id);
  for (std::size_t damaged = 1;; ++damaged) {
    const auto got = repository.backend().read(name, offset, into.all().first(size));
    if (got == size) break;
    if (repository.backend().read_elsewhere(name, damaged)) continue;
    throw Error(ErrorKind::corrupt, fmt::format("{} ends at byte {}", name, offset + got));
  }
  into.set_size(size);
  return into.view();
}

ByteView SegmentReader::State::open_somewhere(const PackInfo& pack, const SegmentLocation& location,
                                              ByteView framed) {
  for (std::size_t damaged = 1;; ++damaged) {
    try {
      return open(pack, location, framed);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt) throw;
      if (!repository.backend().read_elsewhere(pack_object_name(pack.id), damaged)) throw;
    }
    framed = fetch(pack, location.offset, location.stored_size, elsewhere);
  }
}

ByteView SegmentReader::State::open(const PackInfo& pack, const SegmentLocation& location,
                                    ByteView framed) {
  return base::with_context(
      [&] { return describe(pack, location); },
      [&] {
        const auto header = repository.index().pack_header(location.pack);
        const pipeline::SegmentContext context{repository.id(), pack.id,
                                               static_cast<std::uint8_t>(pack.kind), pack.epoch,
                                               location.position};
        const auto encoded = codec.open(ciphers.get(*header), context, framed);
        if (encoded.size() != location.encoded_size) {
          throw Error(ErrorKind::corrupt, "it has another size than the index says");
        }
        return pipeline::decode_segment(encoded).bytes;
      });
}

std::size_t SegmentReader::State::run_length(std::span<const SegmentLocation> locations) {
  const auto& first = locations.front();
  auto end = first.offset + first.stored_size;
  std::size_t count = 1;
  for (; count < locations.size(); ++count) {
    const auto& next = locations[count];
    if (next.pack != first.pack || next.offset < first.offset || next.offset > end + gap_max) break;
    const auto next_end = std::max(end, next.offset + next.stored_size);
    if (next_end - first.offset > run_max) break;
    end = next_end;
  }
  return count;
}

SegmentReader::SegmentReader(Repository& repository)
    : state_(std::make_unique<State>(repository)) {}

SegmentReader::~SegmentReader() = default;

ByteView SegmentReader::read(const SegmentLocation& location) {
  ByteView bytes;
  read_many({&location, 1}, [&](std::size_t, ByteView chunk_bytes) { bytes = chunk_bytes; });
  return bytes;
}

void SegmentReader::read_many(
    std::span<const SegmentLocation> locations,
    const std::function<void(std::size_t which, ByteView chunk_bytes)>& visit) {
  for (std::size_t begin = 0; begin < locations.size();) {
    const auto run = locations.subspan(begin, State::run_length(locations.subspan(begin)));
    const auto pack = state_->repository.index().pack(run.front().pack);
    const auto offset = run.front().offset;
    std::uint64_t end = offset;
    for (const auto& location : run) {
      if (location.stored_size > stored_segment_max) {
        throw Error(ErrorKind::corrupt, describe(pack, location) + ": it is too large");
      }
      end = std::max(end, location.offset + location.stored_size);
    }
    const auto bytes = base::with_context(
        [&] { return describe(pack, run.front()); },
        [&] { return state_->fetch(pack, offset, end - offset, state_->stored); });
    for (std::size_t i = 0; i < run.size(); ++i) {
      const auto framed = bytes.subspan(run[i].offset - offset, run[i].stored_size);
      visit(begin + i, state_->open_somewhere(pack, run[i], framed));
    }
    begin += run.size();
  }
}

void verify_chunk(const KeyBundle& keys, const base::ChunkId& id, ByteView bytes) {
  if (keys.chunk_id(bytes) != id) {
    throw Error(ErrorKind::corrupt, fmt::format("chunk {} has other bytes", id.hex()));
  }
}

}  // namespace holdfast::repository
