#pragma once

#include "storage/backend.hpp"

#include <cstddef>
#include <functional>
#include <span>
#include <string>

namespace holdfast::storage {

/// How many small objects to read side by side: 1 where the line is no matter.
unsigned small_reads_max(const Backend& backend);

/// The bytes of an object. Errors: as get().
using Fetch = std::function<base::Bytes()>;

/// Reads whole small objects: many side by side where the line is long, because there it is the
/// waiting that costs; one after the other where it is not.
///
/// `take` is called for each, in the order of `names` and on the caller's thread; it may call
/// `fetch` once, which gives the bytes or throws why there are none, or not at all.
/// Errors:  what `take` throws ends it.
/// Memory:  what was read and not taken is at most 64 MiB and one object for each of 60 threads.
void get_many(Backend& backend, std::span<const std::string> names, std::size_t size_max,
              const std::function<void(const std::string& name, const Fetch& fetch)>& take);

/// Does what does not depend on one another: side by side where the line is long. The first failure
/// is thrown.
void side_by_side(const Backend& backend, std::span<const std::function<void()>> works);

}  // namespace holdfast::storage
