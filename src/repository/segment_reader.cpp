#include "repository/segment_reader.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "index_segment.hpp"
#include "pack_ciphers.hpp"
#include "pipeline/segment.hpp"
#include "repository/elsewhere.hpp"
#include "repository/read_ahead.hpp"
#include "storage/get_many.hpp"

#include <fmt/format.h>

#include <array>
#include <functional>

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

/// Bytes of a pack that are wanted: of one segment, all or some.
struct Stretch {
  SegmentLocation segment;
  std::uint64_t offset = 0;  // from the start of the pack
  std::uint64_t size = 0;
};

std::vector<Stretch> whole_stretches(std::span<const SegmentLocation> locations) {
  std::vector<Stretch> stretches;
  stretches.reserve(locations.size());
  for (const auto& location : locations)
    stretches.push_back({location, location.offset, location.stored_size});
  return stretches;
}

/// How many of `stretches` are read together, from the first on.
std::size_t run_length(std::span<const Stretch> stretches) {
  const auto& first = stretches.front();
  auto end = first.offset + first.size;
  std::size_t count = 1;
  for (; count < stretches.size(); ++count) {
    const auto& next = stretches[count];
    if (next.segment.pack != first.segment.pack) break;
    if (next.offset < first.offset || next.offset > end + gap_max) break;
    const auto next_end = std::max(end, next.offset + next.size);
    if (next_end - first.offset > run_max) break;
    end = next_end;
  }
  return count;
}

/// What is read of the store for stretches that are read together.
PackRange range_of(std::span<const Stretch> run) {
  std::uint64_t end = 0;
  for (const auto& stretch : run)
    end = std::max(end, stretch.offset + stretch.size);
  return {run.front().segment.pack, run.front().offset, end - run.front().offset};
}

}  // namespace

std::vector<PackRange> ranges_read_for(std::span<const SegmentLocation> locations) {
  const auto stretches = whole_stretches(locations);
  std::vector<PackRange> ranges;
  for (std::size_t begin = 0; begin < stretches.size();) {
    const auto rest = std::span(stretches).subspan(begin);
    const auto run = rest.first(run_length(rest));
    ranges.push_back(range_of(run));
    begin += run.size();
  }
  return ranges;
}

namespace {

/// A pack is not where it is looked for. When it was given up, that is no loss, and says where it
/// is.
[[noreturn]] void throw_missing(Repository& repository, const PackInfo& pack, const Error& error) {
  if (!is_away(repository.backend(), pack.id)) throw Error(error);
  const auto mark = find_mark(repository, pack.id, PackMark::away);
  const auto store = mark ? base::printable(mark->store) : std::string("another store");
  throw Error(ErrorKind::not_found,
              fmt::format("{} is kept in {} only, where it cannot be read: {}",
                          pack_object_name(pack.id), store, error.what()))
      .set_hint(fmt::format("is {} among 'copies' of a site in holdfast.yaml, and connected? "
                            "holdfast tier --bring-back brings its packs back",
                            store));
}

}  // namespace

struct SegmentReader::State {
  State(Repository& from, ReadAhead* with) : repository(from), ahead(with), ciphers(from) {}

  /// `size` bytes from `offset` in `pack`.
  ByteView fetch(const PackInfo& pack, std::uint64_t offset, std::uint64_t size,
                 base::Buffer& into);
  /// The bytes of `range`, and meanwhile the header that opens them, for the index to keep.
  ByteView fetch_with_header(const PackInfo& pack, const PackRange& range);
  ByteView open(const PackInfo& pack, const SegmentLocation& location, ByteView framed);
  /// As open; what is damaged is read from wherever else the store has it.
  ByteView open_somewhere(const PackInfo& pack, const SegmentLocation& location, ByteView framed);
  /// Calls `visit` with the bytes of each stretch; those that lie close are read together.
  void fetch_all(std::span<const Stretch> stretches,
                 const std::function<void(std::size_t which, ByteView bytes)>& visit);

  Repository& repository;
  ReadAhead* const ahead;
  PackCiphers ciphers;
  pipeline::SegmentCodec codec;
  base::Buffer stored;
  base::Buffer elsewhere;  // one segment; the others of a run stay in `stored`
  base::Buffer plain;      // one chunk
};

ByteView SegmentReader::State::fetch(const PackInfo& pack, std::uint64_t offset, std::uint64_t size,
                                     base::Buffer& into) {
  into.reserve_discarding(size);
  const auto name = pack_object_name(pack.id);
  for (std::size_t damaged = 1;; ++damaged) {
    std::size_t got = 0;
    try {
      got = repository.backend().read(name, offset, into.all().first(size));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_found) throw;
      throw_missing(repository, pack, error);
    }
    if (got == size) break;
    if (repository.backend().read_elsewhere(name, damaged)) continue;
    throw Error(ErrorKind::corrupt, fmt::format("{} ends at byte {}", name, offset + got));
  }
  into.set_size(size);
  return into.view();
}

ByteView SegmentReader::State::fetch_with_header(const PackInfo& pack, const PackRange& range) {
  ByteView bytes;
  const std::array<std::function<void()>, 2> works = {
      [&] { bytes = fetch(pack, range.offset, range.size, stored); },
      [&] {
        try {
          static_cast<void>(repository.index().pack_header(range.pack));
        } catch (const Error&) {
          return;  // who opens a segment asks again, and tells
        }
      }};
  storage::side_by_side(repository.backend(), works);
  return bytes;
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

void SegmentReader::State::fetch_all(
    std::span<const Stretch> stretches,
    const std::function<void(std::size_t which, ByteView bytes)>& visit) {
  for (std::size_t begin = 0; begin < stretches.size();) {
    const auto run = stretches.subspan(begin, run_length(stretches.subspan(begin)));
    const auto pack = repository.index().pack(run.front().segment.pack);
    for (const auto& stretch : run) {
      if (stretch.size > stored_segment_max) {
        throw Error(ErrorKind::corrupt, describe(pack, stretch.segment) + ": it is too large");
      }
    }
    const auto range = range_of(run);
    const bool is_here = ahead != nullptr && ahead->take(range, stored);
    const auto bytes = is_here
                           ? stored.view()
                           : base::with_context([&] { return describe(pack, run.front().segment); },
                                                [&] { return fetch_with_header(pack, range); });
    for (std::size_t i = 0; i < run.size(); ++i)
      visit(begin + i, bytes.subspan(run[i].offset - range.offset, run[i].size));
    begin += run.size();
  }
}

SegmentReader::SegmentReader(Repository& repository, ReadAhead* ahead)
    : state_(std::make_unique<State>(repository, ahead)) {}

SegmentReader::~SegmentReader() = default;

ByteView SegmentReader::read(const SegmentLocation& location) {
  ByteView bytes;
  read_many({&location, 1}, [&](std::size_t, ByteView chunk_bytes) { bytes = chunk_bytes; });
  return bytes;
}

void SegmentReader::read_many(
    std::span<const SegmentLocation> locations,
    const std::function<void(std::size_t which, ByteView chunk_bytes)>& visit) {
  state_->fetch_all(whole_stretches(locations), [&](std::size_t which, ByteView framed) {
    const auto& location = locations[which];
    const auto pack = state_->repository.index().pack(location.pack);
    visit(which, state_->open_somewhere(pack, location, framed));
  });
}

void SegmentReader::read_plain(
    std::span<const PlainChunk> chunks,
    const std::function<void(std::size_t which, ByteView bytes)>& visit) {
  std::vector<Stretch> stretches;
  stretches.reserve(chunks.size());
  for (const auto& chunk : chunks) {
    stretches.push_back(
        {chunk.segment, chunk.segment.offset + chunk.offset_in_frame, chunk.length});
  }
  state_->fetch_all(stretches, [&](std::size_t which, ByteView sealed) {
    const auto& chunk = chunks[which];
    auto& plain = state_->plain;
    plain.reserve_discarding(sealed.size());
    plain.set_size(sealed.size());
    const auto header = state_->repository.index().pack_header(chunk.segment.pack);
    pipeline::open_plain_chunk(state_->ciphers.get(*header), chunk.segment.position,
                               chunk.offset_in_frame, sealed, plain.all().first(plain.size()));
    visit(which, plain.view());
  });
}

void verify_chunk(const KeyBundle& keys, const base::ChunkId& id, ByteView bytes) {
  if (keys.chunk_id(bytes) != id) {
    throw Error(ErrorKind::corrupt, fmt::format("chunk {} has other bytes", id.hex()));
  }
}

}  // namespace holdfast::repository
