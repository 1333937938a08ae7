// The parts of a pack in the store, each by one read.
// Errors of all: not_found, corrupt; they name the pack.
#pragma once

#include "base/ids.hpp"
#include "pipeline/pack.hpp"
#include "repository/index.hpp"
#include "storage/backend.hpp"

#include <cstdint>

namespace holdfast::repository {

pipeline::PackHeader read_pack_header(storage::Backend& backend, const base::PackId& id);
/// Also from its copy behind the directory, when the first one is damaged: what is stored can still
/// be restored then.
pipeline::PackHeader read_any_pack_header(storage::Backend& backend, const base::PackId& id);
pipeline::PackTrailer read_pack_trailer(storage::Backend& backend, const base::PackId& id,
                                        std::uint64_t size);
pipeline::PackDirectory read_pack_directory(storage::Backend& backend,
                                            const pipeline::PackWriteKeys& keys,
                                            const pipeline::PackHeader& header,
                                            const pipeline::PackTrailer& trailer,
                                            std::uint64_t size);
/// Errors: corrupt when the index says otherwise.
void expect_header_of(const pipeline::PackHeader& header, const PackInfo& pack);

}  // namespace holdfast::repository
