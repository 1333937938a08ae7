#include "chunk_reader.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::repository {

using base::ByteView;
using base::Error;
using base::ErrorKind;

base::Bytes ChunkReader::load(const base::ChunkId& id) {
  const std::lock_guard lock(mutex_);
  const auto location = repository_.index().find(id);
  if (!location) {
    throw Error(ErrorKind::not_found, fmt::format("chunk {} is in no index segment", id.hex()))
        .set_hint("run: holdfast check");
  }
  const auto bytes = segment_at(location->segment);
  if (location->offset > bytes.size() || location->length > bytes.size() - location->offset) {
    throw Error(ErrorKind::corrupt, fmt::format("chunk {} lies outside its segment", id.hex()));
  }
  const auto chunk = bytes.subspan(location->offset, location->length);
  verify_chunk(repository_.keys(), id, chunk);
  return base::copy_of(chunk);
}

ByteView ChunkReader::segment_at(const SegmentLocation& location) {
  const auto found = std::find_if(recent_.begin(), recent_.end(), [&](const Segment& segment) {
    return segment.location == location;
  });
  if (found != recent_.end()) {
    recent_.splice(recent_.begin(), recent_, found);
    return recent_.front().bytes;
  }
  recent_.push_front({location, base::copy_of(reader_.read(location))});
  kept_bytes_ += recent_.front().bytes.size();
  while (kept_bytes_ > kept_bytes_max && recent_.size() > 1) {
    kept_bytes_ -= recent_.back().bytes.size();
    recent_.pop_back();
  }
  return recent_.front().bytes;
}

}  // namespace holdfast::repository
