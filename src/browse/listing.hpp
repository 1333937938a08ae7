#pragma once

#include "browse/snapshot_view.hpp"
#include "repository/chunk_io.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace holdfast::browse {

/// What `path` (absolute) is in `view`. Errors: not_found, naming the longest part that exists;
/// those of split_path.
Place locate(const SnapshotView& view, std::string_view path, repository::ChunkSource& chunks);

/// Calls `visit` with the absolute path of everything below `directory`, which is at `path`; depth
/// first in byte order of names, a directory before its entries.
void list_below(const SnapshotView& view, const Place& directory, const std::string& path,
                repository::ChunkSource& chunks,
                const std::function<Descend(const std::string& path, const Place& place)>& visit);

/// `directory` and `name` as one path.
std::string join(std::string_view directory, std::string_view name);

}  // namespace holdfast::browse
