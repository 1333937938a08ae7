#include "stored_pack.hpp"

#include "base/error.hpp"
#include "index_segment.hpp"

#include <fmt/format.h>

#include <array>

namespace holdfast::repository {

using base::Bytes;
using base::Error;
using base::ErrorKind;

namespace {

pipeline::PackHeader read_header_at(storage::Backend& backend, const base::PackId& id,
                                    std::uint64_t offset) {
  const auto name = pack_object_name(id);
  return base::with_context([&] { return "reading the header of " + name; },
                            [&] {
                              std::array<std::byte, pipeline::pack_header_size> bytes;
                              const auto size = backend.read(name, offset, bytes);
                              auto header =
                                  pipeline::parse_pack_header(base::ByteView(bytes).first(size));
                              if (header.pack != id)
                                throw Error(ErrorKind::corrupt, "it is the header of another pack");
                              return header;
                            });
}

}  // namespace

pipeline::PackHeader read_pack_header(storage::Backend& backend, const base::PackId& id) {
  return read_header_at(backend, id, 0);
}

pipeline::PackHeader read_any_pack_header(storage::Backend& backend, const base::PackId& id) {
  try {
    return read_pack_header(backend, id);
  } catch (const Error& damage) {
    if (damage.kind() != ErrorKind::corrupt && damage.kind() != ErrorKind::io) throw;
    const auto stored = backend.stat(pack_object_name(id));
    if (!stored) throw;
    try {
      const auto trailer = read_pack_trailer(backend, id, stored->size);
      if (trailer.parity.sectors() != 0) {
        return read_header_at(backend, id, trailer.covered_size());
      }
    } catch (const Error& of_copy) {
      if (of_copy.kind() != ErrorKind::corrupt && of_copy.kind() != ErrorKind::io) throw;
    }
    throw;
  }
}

pipeline::PackTrailer read_pack_trailer(storage::Backend& backend, const base::PackId& id,
                                        std::uint64_t size) {
  const auto name = pack_object_name(id);
  return base::with_context([&] { return "reading the trailer of " + name; },
                            [&] {
                              Bytes tail(pipeline::trailer_size_bound(size));
                              tail.resize(backend.read(name, size - tail.size(), tail));
                              return pipeline::parse_pack_trailer(tail, size);
                            });
}

pipeline::PackDirectory read_pack_directory(storage::Backend& backend,
                                            const pipeline::PackWriteKeys& keys,
                                            const pipeline::PackHeader& header,
                                            const pipeline::PackTrailer& trailer,
                                            std::uint64_t size) {
  const auto name = pack_object_name(header.pack);
  return base::with_context([&] { return "reading the directory of " + name; },
                            [&] {
                              Bytes sealed(trailer.directory_size);
                              sealed.resize(backend.read(name, trailer.directory_offset, sealed));
                              return pipeline::open_pack_directory(keys, header, sealed, size);
                            });
}

void expect_header_of(const pipeline::PackHeader& header, const PackInfo& pack) {
  if (header.kind != pack.kind || header.epoch != pack.epoch) {
    throw Error(ErrorKind::corrupt, fmt::format("{} has another kind or epoch than the index says",
                                                pack_object_name(pack.id)));
  }
}

}  // namespace holdfast::repository
