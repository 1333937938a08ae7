// What every metadata page starts with: a letter for its kind and the version of its layout.
#pragma once

#include "base/bytes.hpp"

#include <cstdint>

namespace holdfast::repository {

enum class PageKind : char { tree = 'T', list = 'L', map = 'M', map_index = 'X' };

inline constexpr std::size_t page_head_size = 2;

/// The head alone; the message follows.
base::Bytes begin_page(PageKind kind);
/// The message of a page. Errors: corrupt when it is another kind of page, unsupported for a newer
/// version.
base::ByteView page_message(PageKind kind, base::ByteView page);

/// Where a list that grows is cut into pages, by the content of its items: then an insertion
/// changes the page it falls into and no other. `min` and `max` items bound what the hashes decide.
struct CutRule {
  std::size_t min;
  std::size_t spread;  // one hash in `spread` cuts: pages have about min + spread items
  std::size_t max;

  bool cuts_after(std::uint64_t hash, std::size_t count) const {
    return count >= max || (count >= min && hash % spread == 0);
  }
};

}  // namespace holdfast::repository
