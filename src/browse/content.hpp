#pragma once

#include "base/bytes.hpp"
#include "repository/chunk_io.hpp"
#include "repository/tree.hpp"

#include <functional>

namespace holdfast::browse {

/// Gives the whole content of a regular file to `write`, front to back, holes as zeros.
/// Errors: corrupt when the content is not as long as the entry says; those of `chunks`.
void read_content(const repository::Node& node, repository::ChunkSource& chunks,
                  const std::function<void(base::ByteView)>& write);

}  // namespace holdfast::browse
