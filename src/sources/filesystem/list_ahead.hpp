#pragma once

#include "sources/source.hpp"

#include <cstddef>
#include <memory>

namespace holdfast::sources {

/// `inner`, with its directories listed in path order from this moment on by a thread of its own,
/// so that the first are there when somebody asks: a run has its listing while a passphrase is
/// still being turned into a key.
///
/// Bounds:  stops listing ahead after `entries_max` entries; what lies beyond is listed when asked
///          for.
/// Errors:  as those of `inner`, thrown when the directory is asked for.
/// Threads: as `inner`.
std::unique_ptr<TreeSource> list_ahead(std::unique_ptr<TreeSource> inner, std::size_t entries_max);

}  // namespace holdfast::sources
