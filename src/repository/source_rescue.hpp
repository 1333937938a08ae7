// Lost chunks, read again from the files that they came from.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "repository/repair.hpp"
#include "repository/repository.hpp"

#include <map>
#include <set>
#include <stop_token>

namespace holdfast::repository {

/// The bytes of chunks, each verified against its id.
using RescuedChunks = std::map<base::ChunkId, base::Bytes>;

/// Looks in the newest snapshots for files that name chunks of `lost`, reads them where they are on
/// this machine, and cuts them as a backup does: what has a wanted id is kept, whatever the file
/// became meanwhile. Files that are gone, changed or cannot be read give what they give. Not for
/// pages of databases and for streams, which have no bytes to go back to, nor for trees.
///
/// Memory: what is found, at most 1 GiB; the rest is for the next repair.
/// Errors: as the store, but for damage; Cancelled.
RescuedChunks rescue_from_source(Repository& repository, std::set<base::ChunkId> lost,
                                 const OpenSourceFile& open, const std::stop_token& stopping);

}  // namespace holdfast::repository
