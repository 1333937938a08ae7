#include "data_extents.hpp"

#include <algorithm>

namespace holdfast::backup {

DataExtents::DataExtents(std::uint64_t size, const std::vector<sources::Hole>& holes) {
  std::uint64_t offset = 0;
  const auto add = [&](std::uint64_t end) {
    if (end <= offset) return;
    extents_.push_back({length_, offset, end - offset});
    length_ += end - offset;
  };
  for (const auto& hole : holes) {
    add(std::min(hole.offset, size));
    offset = hole.offset + hole.length;
  }
  add(size);
}

std::size_t DataExtents::read(sources::SourceFile& file, std::uint64_t at,
                              base::MutableBytes into) const {
  std::size_t done = 0;
  auto extent = std::upper_bound(extents_.begin(), extents_.end(), at,
                                 [](std::uint64_t value, const Extent& e) { return value < e.at; });
  if (extent == extents_.begin()) return 0;
  for (--extent; extent != extents_.end() && done < into.size(); ++extent) {
    const auto skip = at + done - extent->at;
    const auto count = std::min<std::uint64_t>(into.size() - done, extent->length - skip);
    const auto got = file.read_at(extent->offset + skip, into.subspan(done, count));
    done += got;
    if (got < count) break;
  }
  return done;
}

}  // namespace holdfast::backup
