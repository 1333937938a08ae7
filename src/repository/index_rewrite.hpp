#pragma once

#include "base/ids.hpp"
#include "index_segment.hpp"
#include "repository/repository.hpp"

#include <functional>
#include <set>
#include <stop_token>

namespace holdfast::repository {

/// `body` without some packs. Appending moves what is behind `from` into `to`.
IndexSegmentBody without_packs(const IndexSegmentBody& body, const std::set<base::PackId>& dropped);
void append_body(IndexSegmentBody& to, const IndexSegmentBody& from);

/// Writes the index segments that name one of `dropped` anew without them, then removes the old
/// ones. Where there are many small segments they are merged on the way. May be killed at any
/// point: then some packs are named twice, and the next time is as good. `settle` returns when
/// listings show what was written; it is called before the old ones are removed.
void drop_from_index(Repository& repository, const std::set<base::PackId>& dropped,
                     const std::function<void()>& settle, const std::stop_token& stopping);

}  // namespace holdfast::repository
