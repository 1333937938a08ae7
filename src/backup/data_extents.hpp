#pragma once

#include "base/bytes.hpp"
#include "sources/source.hpp"

#include <cstdint>
#include <vector>

namespace holdfast::backup {

/// A file's bytes without its holes, as one stream.
class DataExtents {
public:
  /// `holes` in offset order, disjoint, within `size`.
  DataExtents(std::uint64_t size, const std::vector<sources::Hole>& holes);

  std::uint64_t length() const { return length_; }
  /// Fills `into` from position `at` of the stream; returns less when the file became shorter
  /// meanwhile.
  std::size_t read(sources::SourceFile& file, std::uint64_t at, base::MutableBytes into) const;

private:
  struct Extent {
    std::uint64_t at = 0;      // in the stream
    std::uint64_t offset = 0;  // in the file
    std::uint64_t length = 0;
  };
  std::vector<Extent> extents_;
  std::uint64_t length_ = 0;
};

}  // namespace holdfast::backup
