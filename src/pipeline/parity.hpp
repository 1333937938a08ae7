#pragma once

#include "base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

// Reed-Solomon parity over the sectors of a pack. docs/format/repository.md, "Parity", has the code
// word for word.

namespace holdfast::pipeline {

inline constexpr std::size_t sector_size = 64 * 1024;

/// Parity in percent of what it protects.
inline constexpr unsigned parity_percent_default = 3;
inline constexpr unsigned parity_percent_max = 25;

/// Sector i belongs to group i modulo `groups`; each group has `rows` parity sectors. So any run of
/// groups x rows sectors comes back, and any `rows` sectors wherever they are.
struct ParityShape {
  std::uint32_t groups = 0;
  std::uint32_t rows = 0;
  std::size_t sectors() const { return std::size_t{groups} * rows; }
  bool operator==(const ParityShape&) const = default;
};
inline constexpr std::uint32_t parity_rows_max = 17;
/// Data sectors of one group at most: the field has 256 elements.
inline constexpr std::size_t parity_columns = 239;

/// What `sectors` sectors may have: no group has more members than the field has columns.
bool is_possible(const ParityShape& shape, std::size_t sectors);
/// Size of a parity sector: whole, or as large as what is protected when that is less.
std::size_t parity_sector_size(std::uint64_t covered_size);
/// The group of parity sector `j` behind `data_sectors`: the row of groups goes on, so that a run
/// over the border is spread like any other. Its row is j / groups.
inline std::size_t parity_group(const ParityShape& shape, std::size_t data_sectors, std::size_t j) {
  return (data_sectors + j) % shape.groups;
}

/// Parity of a stream of bytes, made as they pass.
///
/// Memory:  groups x rows sectors for the expected size, 1.2 MB for 32 MiB at 3 %.
/// Threads: one at a time.
class ParityEncoder {
public:
  /// `percent` (0: none) and the size that the stream will have at about; one much larger gets no
  /// parity.
  ParityEncoder(unsigned percent, std::uint64_t size_expected);
  ~ParityEncoder();

  void update(base::ByteView bytes);
  struct Parity {
    ParityShape shape;
    base::Bytes sectors;  // shape.sectors() of parity_sector_size(covered) bytes each
  };
  /// Once, at the end.
  Parity finish();

private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The parity sectors of `covered`, for a shape that is possible for it.
base::Bytes parity_of(base::ByteView covered, const ParityShape& shape);

/// Computes the sectors numbered in `lost_data` (ascending) into `covered`, whose other sectors are
/// whole, from the parity sectors that are not in `lost_parity`. Returns the numbers of those that
/// it could not, for their group lost more than it has parity.
std::vector<std::size_t> recover_sectors(base::MutableBytes covered, base::ByteView parity,
                                         const ParityShape& shape,
                                         std::span<const std::size_t> lost_data,
                                         std::span<const std::size_t> lost_parity);

}  // namespace holdfast::pipeline
