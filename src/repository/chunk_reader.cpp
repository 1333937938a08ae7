#include "chunk_reader.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <exception>
#include <unordered_set>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

namespace {

/// Whether it says something about one place of a chunk.
bool may_be_elsewhere(const Error& error) {
  return error.kind() == ErrorKind::not_found || error.kind() == ErrorKind::corrupt ||
         error.kind() == ErrorKind::io;  // a bad sector of the disk below
}

}  // namespace

/// Decoded bytes, and which of the chunks in them were compared with their ids.
struct ChunkReader::Segment {
  base::Bytes bytes;
  std::mutex mutex;
  std::unordered_set<base::ChunkId> verified;

  void verify(const KeyBundle& keys, const base::ChunkId& id, base::ByteView chunk) {
    {
      const std::lock_guard lock(mutex);
      if (verified.contains(id)) return;
    }
    verify_chunk(keys, id, chunk);
    const std::lock_guard lock(mutex);
    verified.insert(id);
  }
};

ChunkReader::ChunkReader(Repository& repository, std::size_t kept_bytes_max)
    : repository_(repository), kept_bytes_max_(kept_bytes_max) {}

ChunkReader::~ChunkReader() = default;

base::Bytes ChunkReader::load(const base::ChunkId& id) { return base::copy_of(hold(id).bytes); }

HeldChunk ChunkReader::hold(const base::ChunkId& id) {
  try {
    return hold_indexed(id);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found || !look_again()) throw;
  }
  try {
    return hold_indexed(id);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found || !repository_.find_unindexed_packs()) throw;
  }
  return hold_indexed(id);
}

/// Once: where things are lost, every chunk of them would cost a listing.
bool ChunkReader::look_again() {
  // A refresh would drop what was found in packs alone.
  if (!reloaded_.exchange(true) && repository_.unindexed_packs_found() == 0) {
    repository_.index().refresh();
    return true;
  }
  return repository_.find_unindexed_packs();
}

HeldChunk ChunkReader::hold_indexed(const base::ChunkId& id) {
  const auto location = repository_.index().find(id);
  if (!location) {
    throw Error(ErrorKind::not_found, fmt::format("chunk {} is in no index segment", id.hex()))
        .set_hint(
            "holdfast repair index finds what the index lost; holdfast check says what is gone");
  }
  try {
    return hold_at(id, *location);
  } catch (const Error& error) {
    if (!may_be_elsewhere(error)) throw;
    if (auto copy = hold_elsewhere(id, *location)) return std::move(*copy);
    throw;
  }
}

std::optional<HeldChunk> ChunkReader::hold_elsewhere(const base::ChunkId& id,
                                                     const ChunkLocation& lost) {
  for (const auto& copy : repository_.index().find_copies(id)) {
    if (copy.segment == lost.segment || copy.length != lost.length) continue;
    try {
      return hold_at(id, copy);
    } catch (const Error& error) {
      if (!may_be_elsewhere(error)) throw;
    }
  }
  return std::nullopt;
}

HeldChunk ChunkReader::hold_at(const base::ChunkId& id, const ChunkLocation& location) {
  auto segment = segment_at(location.segment);
  const base::ByteView bytes = segment->bytes;
  if (location.offset > bytes.size() || location.length > bytes.size() - location.offset) {
    throw Error(ErrorKind::corrupt, fmt::format("chunk {} lies outside its segment", id.hex()));
  }
  const auto chunk = bytes.subspan(location.offset, location.length);
  segment->verify(repository_.keys(), id, chunk);
  return {std::move(segment), chunk};
}

std::shared_ptr<ChunkReader::Segment> ChunkReader::segment_at(const SegmentLocation& location) {
  std::promise<std::shared_ptr<Segment>> promise;
  {
    std::unique_lock lock(mutex_);
    if (const auto known = known_.find(location); known != known_.end()) {
      recent_.splice(recent_.begin(), recent_, known->second);
      const auto opening = known->second->segment;
      lock.unlock();
      return opening.get();
    }
    recent_.push_front({location, promise.get_future().share()});
    known_.emplace(location, recent_.begin());
    kept_bytes_ += location.encoded_size;
    while (kept_bytes_ > kept_bytes_max_ && recent_.size() > 1)
      drop(std::prev(recent_.end()));
  }
  try {
    auto segment = open(location);
    promise.set_value(segment);
    return segment;
  } catch (const std::exception&) {
    promise.set_exception(std::current_exception());
    const std::lock_guard lock(mutex_);
    if (const auto known = known_.find(location); known != known_.end()) drop(known->second);
    throw;
  }
}

void ChunkReader::drop(Recent::iterator which) {
  kept_bytes_ -= which->location.encoded_size;
  known_.erase(which->location);
  recent_.erase(which);
}

std::shared_ptr<ChunkReader::Segment> ChunkReader::open(const SegmentLocation& location) {
  auto reader = take_reader();
  auto segment = std::make_shared<Segment>();
  segment->bytes = base::copy_of(reader->read(location));
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(reader));
  return segment;
}

std::unique_ptr<SegmentReader> ChunkReader::take_reader() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto reader = std::move(idle_.back());
      idle_.pop_back();
      return reader;
    }
  }
  return std::make_unique<SegmentReader>(repository_);
}

}  // namespace holdfast::repository
