#include "pack_salvage.hpp"

#include "base/error.hpp"
#include "check_findings.hpp"
#include "index_segment.hpp"

#include <algorithm>

namespace holdfast::repository {

using base::Bytes;
using base::ByteView;
using base::Error;
using base::ErrorKind;

namespace {

/// All that the store gives of an object; sectors that it cannot read are zeros.
Bytes read_what_is_there(storage::Backend& backend, const std::string& name, std::uint64_t size) {
  Bytes bytes(static_cast<std::size_t>(size));
  try {
    bytes.resize(backend.read(name, 0, bytes));
    return bytes;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_found) return {};
    if (error.kind() != ErrorKind::io) throw;
  }
  const auto all = base::MutableBytes(bytes);
  for (std::size_t at = 0; at < all.size(); at += pipeline::sector_size) {
    const auto sector = all.subspan(at, std::min(pipeline::sector_size, all.size() - at));
    try {
      static_cast<void>(backend.read(name, at, sector));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::io) throw;
      std::fill(sector.begin(), sector.end(), std::byte{0});
    }
  }
  return bytes;
}

}  // namespace

PackSalvage::PackSalvage(Repository& repository, const Spares& spares, const base::PackId& id,
                         std::uint64_t size)
    : repository_(repository), spares_(spares), id_(id), size_(size), ciphers_(repository) {
  if (size > pipeline::pack_size_max) {
    throw Error(ErrorKind::corrupt, pack_object_name(id) + " has an impossible size");
  }
  stored_ = read_what_is_there(repository.backend(), pack_object_name(id), size);
  mended_ = pipeline::mend_pack(stored_, id, size);
  stored_.resize(static_cast<std::size_t>(size));
}

pipeline::PackDirectory PackSalvage::directory() const {
  const auto header = pipeline::parse_pack_header(mended_.bytes);
  if (header.pack != id_) throw Error(ErrorKind::corrupt, "it is the header of another pack");
  if (mended_.trailer) {
    try {
      const auto keys = repository_.keys().pack_write_keys(repository_.id());
      const auto sealed = ByteView(mended_.bytes)
                              .subspan(static_cast<std::size_t>(mended_.trailer->directory_offset),
                                       mended_.trailer->directory_size);
      return pipeline::open_pack_directory(keys, header, sealed, size_);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
    }
  }
  return directory_from_frames(header);
}

pipeline::PackDirectory PackSalvage::directory_from_frames(
    const pipeline::PackHeader& header) const {
  PackCiphers ciphers(repository_);
  pipeline::SegmentCodec codec;
  pipeline::PackDirectory directory{id_, header.kind, header.epoch, size_, {}};
  std::uint64_t end = pipeline::pack_header_size;
  for (const auto& frame : pipeline::find_frames(mended_.bytes)) {
    if (frame.offset < end) continue;  // inside a segment that opened
    const pipeline::SegmentContext context{repository_.id(), id_,
                                           static_cast<std::uint8_t>(header.kind), header.epoch,
                                           frame.position};
    try {
      const auto encoded =
          codec.open(ciphers.get(header), context,
                     ByteView(mended_.bytes)
                         .subspan(static_cast<std::size_t>(frame.offset), frame.stored_size));
      const auto decoded = pipeline::decode_segment(encoded);
      pipeline::SegmentInPack segment{
          frame.offset, frame.stored_size, frame.encoded_size, frame.position, {}};
      std::uint32_t at = 0;
      for (const auto length : decoded.lengths) {
        const auto id = repository_.keys().chunk_id(decoded.bytes.subspan(at, length));
        segment.chunks.push_back({id, at, length});
        at += length;
      }
      end = frame.offset + frame.stored_size;
      directory.segments.push_back(std::move(segment));
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
    }
  }
  return directory;
}

std::optional<Bytes> PackSalvage::open(const pipeline::PackDirectory& directory,
                                       const pipeline::SegmentInPack& segment, ByteView pack) {
  try {
    if (segment.offset > pack.size() || segment.stored_size > pack.size() - segment.offset) {
      return std::nullopt;
    }
    // The header of the mended pack serves for both: it is the same or there is none.
    const auto header = pipeline::parse_pack_header(mended_.bytes);
    const pipeline::SegmentContext context{repository_.id(), id_,
                                           static_cast<std::uint8_t>(directory.kind),
                                           directory.epoch, segment.position};
    const auto encoded =
        codec_.open(ciphers_.get(header), context,
                    pack.subspan(static_cast<std::size_t>(segment.offset), segment.stored_size));
    const auto decoded = pipeline::decode_segment(encoded);
    for (const auto& chunk : segment.chunks) {
      if (chunk.offset > decoded.bytes.size() ||
          chunk.length > decoded.bytes.size() - chunk.offset ||
          repository_.keys().chunk_id(decoded.bytes.subspan(chunk.offset, chunk.length)) !=
              chunk.id) {
        return std::nullopt;
      }
    }
    return base::copy_of(encoded);
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    return std::nullopt;
  }
}

std::optional<Bytes> PackSalvage::spare(const base::ChunkId& id, SegmentOrigin& origin) {
  if (spares_.copy != nullptr) {
    try {
      return spares_.copy->chunks().load(id);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
    }
  }
  if (spares_.rescued == nullptr) return std::nullopt;
  const auto found = spares_.rescued->find(id);
  if (found == spares_.rescued->end()) return std::nullopt;
  origin = SegmentOrigin::source;
  return found->second;
}

std::optional<SalvagedSegment> PackSalvage::part_of(const pipeline::SegmentInPack& segment) {
  pipeline::SegmentBuilder builder;
  auto origin = SegmentOrigin::copy;
  for (const auto& chunk : segment.chunks) {
    if (const auto bytes = spare(chunk.id, origin)) builder.add(chunk.id, *bytes);
  }
  if (builder.empty()) return std::nullopt;
  const auto encoded = builder.encode();
  return SalvagedSegment{origin, base::copy_of(encoded), builder.chunks()};
}

std::optional<SalvagedSegment> PackSalvage::segment(const pipeline::PackDirectory& directory,
                                                    const pipeline::SegmentInPack& segment) {
  if (auto encoded = open(directory, segment, stored_)) {
    return SalvagedSegment{SegmentOrigin::pack, std::move(*encoded), segment.chunks};
  }
  if (auto encoded = open(directory, segment, mended_.bytes)) {
    return SalvagedSegment{SegmentOrigin::parity, std::move(*encoded), segment.chunks};
  }
  auto part = part_of(segment);
  const bool whole = part && part->chunks.size() == segment.chunks.size();
  return whole ? std::move(part) : std::nullopt;
}

}  // namespace holdfast::repository
