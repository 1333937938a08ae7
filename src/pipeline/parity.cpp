#include "pipeline/parity.hpp"

#include "base/error.hpp"

#include <isa-l/erasure_code.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace holdfast::pipeline {

using base::Bytes;
using base::ByteView;

namespace {

using Field = unsigned char;  // GF(2^8) with the polynomial 0x11d, as ISA-L has it

constexpr std::size_t table_size = 32;  // of ISA-L, for each coefficient
/// A piece of every row of a group stays in the first cache while many sectors are added to it.
constexpr std::size_t slice_size = 4096;

/// Groups are planned to be this full, so that a pack larger than expected still has parity.
constexpr std::size_t columns_planned = 200;

/// A Cauchy matrix: any square part of it can be inverted. Rows are 0 to 16, columns 17 to 255.
/// 239 is a prime, so that the sectors of a group have different columns, and those of all groups
/// together while there are no more than columns.
Field coefficient(std::size_t row, std::size_t sector) {
  const auto column = parity_rows_max + sector % parity_columns;
  return gf_inv(static_cast<Field>(row ^ column));
}

/// ISA-L takes its sources as pointers to what it could write, and does not.
Field* field_of(ByteView bytes) {
  return reinterpret_cast<Field*>(const_cast<std::byte*>(bytes.data()));
}
Field* field_of(std::byte* bytes) { return reinterpret_cast<Field*>(bytes); }

/// Parity sectors for so many of data: an eighth more than the share, because a run of lost bytes
/// seldom begins where a sector does.
std::size_t parity_wanted(unsigned percent, std::size_t sectors) {
  return (9 * sectors * percent + 799) / 800;
}

ParityShape plan_parity(unsigned percent, std::uint64_t size) {
  if (percent == 0) return {};
  const auto sectors = std::max<std::size_t>((size + sector_size - 1) / sector_size, 1);
  const auto wanted = parity_wanted(percent, sectors);
  const auto groups = std::max((sectors + columns_planned - 1) / columns_planned,
                               (wanted + parity_rows_max - 1) / parity_rows_max);
  return {static_cast<std::uint32_t>(groups),
          static_cast<std::uint32_t>((wanted + groups - 1) / groups)};
}

void add_to(base::MutableBytes to, ByteView bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    to[i] ^= bytes[i];
}

}  // namespace

bool is_possible(const ParityShape& shape, std::size_t sectors) {
  if (shape.groups == 0 || shape.rows == 0) return shape.groups == 0 && shape.rows == 0;
  return shape.rows <= parity_rows_max && shape.groups <= UINT16_MAX &&
         shape.groups % parity_columns != 0 &&
         (sectors + shape.groups - 1) / shape.groups <= parity_columns;
}

std::size_t parity_sector_size(std::uint64_t covered_size) {
  return static_cast<std::size_t>(std::min<std::uint64_t>(covered_size, sector_size));
}

struct ParityEncoder::State {
  State(unsigned share, std::uint64_t size_expected)
      : percent(share), planned(plan_parity(share, size_expected)), groups(planned.groups) {}

  std::vector<Field>& tables_of(std::size_t sector);
  void add(std::size_t sector, std::size_t offset, ByteView bytes);
  void add_whole(ByteView sectors);
  bool is_too_large() const {
    return size > std::uint64_t{planned.groups} * parity_columns * sector_size;
  }
  ByteView row_of(std::size_t group, std::size_t row) const {
    return groups[group].view().subspan(row * sector_size, sector_size);
  }

  const unsigned percent;
  const ParityShape planned;
  std::vector<base::Buffer> groups;  // their rows; made when the first sector comes
  std::array<std::vector<Field>, parity_columns> tables;
  std::uint64_t size = 0;  // so far
};

/// The multiplication tables of a sector's column, made once.
std::vector<Field>& ParityEncoder::State::tables_of(std::size_t sector) {
  auto& column = tables[sector % parity_columns];
  if (column.empty()) {
    std::array<Field, parity_rows_max> coefficients{};
    for (std::size_t row = 0; row < planned.rows; ++row)
      coefficients[row] = coefficient(row, sector);
    column.resize(planned.rows * table_size);
    ec_init_tables(1, static_cast<int>(planned.rows), coefficients.data(), column.data());
  }
  return column;
}

/// Adds a part of a sector to all rows of its group. The first sector of a group is put in place of
/// what is there, which was never cleared.
void ParityEncoder::State::add(std::size_t sector, std::size_t offset, ByteView bytes) {
  auto& group = groups[sector % planned.groups];
  const auto rows = static_cast<int>(planned.rows);
  if (group.capacity() == 0) {
    group = base::Buffer(planned.rows * sector_size);
    group.set_size(group.capacity());
  }
  std::array<Field*, parity_rows_max> to{};
  for (std::size_t row = 0; row < planned.rows; ++row)
    to[row] = field_of(group.data() + row * sector_size + offset);
  auto& column = tables_of(sector);
  auto* from = field_of(bytes);
  const auto length = static_cast<int>(bytes.size());
  if (sector < planned.groups) {
    ec_encode_data(length, 1, rows, column.data(), &from, to.data());
  } else {
    ec_encode_data_update(length, 1, rows, 0, column.data(), from, to.data());
  }
}

/// Many at once, group by group and slice by slice.
void ParityEncoder::State::add_whole(ByteView sectors) {
  const auto first = static_cast<std::size_t>(size / sector_size);
  const auto count = sectors.size() / sector_size;
  for (std::size_t start = 0; start < std::min<std::size_t>(count, planned.groups); ++start) {
    for (std::size_t slice = 0; slice < sector_size; slice += slice_size) {
      for (auto i = start; i < count; i += planned.groups) {
        add(first + i, slice, sectors.subspan(i * sector_size + slice, slice_size));
      }
    }
  }
}

ParityEncoder::ParityEncoder(unsigned percent, std::uint64_t size_expected)
    : state_(std::make_unique<State>(percent, size_expected)) {
  HF_ASSERT(percent <= parity_percent_max, "the share of parity is checked where it is read");
}
ParityEncoder::~ParityEncoder() = default;

void ParityEncoder::update(ByteView bytes) {
  auto& state = *state_;
  while (!bytes.empty() && state.planned.groups != 0 && !state.is_too_large()) {
    const auto offset = static_cast<std::size_t>(state.size % sector_size);
    auto piece = bytes.first(std::min(bytes.size(), sector_size - offset));
    const auto room = state.planned.groups * parity_columns - state.size / sector_size;
    if (room == 0) {
      state.size += bytes.size();  // too large from here on
    } else if (offset == 0 && bytes.size() >= sector_size) {
      piece = bytes.first(std::min(bytes.size() / sector_size, room) * sector_size);
      state.add_whole(piece);
      state.size += piece.size();
    } else {
      state.add(static_cast<std::size_t>(state.size / sector_size), offset, piece);
      state.size += piece.size();
    }
    bytes = bytes.subspan(piece.size());
  }
}

ParityEncoder::Parity ParityEncoder::finish() {
  auto& state = *state_;
  if (state.planned.groups == 0 || state.size == 0 || state.is_too_large()) return {};
  const auto sectors = static_cast<std::size_t>((state.size + sector_size - 1) / sector_size);
  const auto wanted = parity_wanted(state.percent, sectors);
  // A pack that stayed small has one group: the sectors of all have different columns.
  const bool one = wanted <= state.planned.rows && sectors <= parity_columns;
  Parity parity;
  parity.shape.groups = one ? 1 : state.planned.groups;
  parity.shape.rows = static_cast<std::uint32_t>(std::min<std::size_t>(
      (wanted + parity.shape.groups - 1) / parity.shape.groups, state.planned.rows));
  const auto size = parity_sector_size(state.size);
  parity.sectors.resize(parity.shape.sectors() * size);
  for (std::size_t j = 0; j < parity.shape.sectors(); ++j) {
    const auto row = j / parity.shape.groups;
    const auto to = base::MutableBytes(parity.sectors).subspan(j * size, size);
    for (std::size_t group = 0; group < std::min<std::size_t>(sectors, state.groups.size());
         ++group) {
      if (!one && group != parity_group(parity.shape, sectors, j)) continue;
      // Of a group whose only sector is short, no more was ever written.
      const bool is_short = group + 1 == sectors;
      const auto written = is_short ? state.size - group * sector_size : sector_size;
      add_to(to, state.row_of(group, row).first(written));
    }
  }
  return parity;
}

Bytes parity_of(ByteView covered, const ParityShape& shape) {
  const auto size = parity_sector_size(covered.size());
  const auto sectors = (covered.size() + sector_size - 1) / sector_size;
  Bytes parity(shape.sectors() * size);
  std::array<Field, table_size> table{};
  for (std::size_t j = 0; j < shape.sectors(); ++j) {
    auto* to = field_of(parity.data() + j * size);
    for (auto i = parity_group(shape, sectors, j); i < sectors; i += shape.groups) {
      auto factor = coefficient(j / shape.groups, i);
      ec_init_tables(1, 1, &factor, table.data());
      const auto begin = i * sector_size;
      const auto sector = covered.subspan(begin, std::min(sector_size, covered.size() - begin));
      ec_encode_data_update(static_cast<int>(sector.size()), 1, 1, 0, table.data(),
                            field_of(sector), &to);
    }
  }
  return parity;
}

namespace {

/// One group that lost sectors.
class GroupRecovery {
public:
  GroupRecovery(base::MutableBytes covered, ByteView parity, const ParityShape& shape,
                std::size_t group)
      : covered_(covered),
        parity_(parity),
        shape_(shape),
        group_(group),
        sectors_((covered.size() + sector_size - 1) / sector_size),
        size_(parity_sector_size(covered.size())) {}

  /// False when there are fewer whole parity sectors than lost ones.
  bool recover(const std::vector<std::size_t>& lost, std::span<const std::size_t> lost_parity) {
    const auto rows = whole_rows(lost_parity, lost.size());
    if (rows.size() < lost.size()) return false;
    auto sums = sums_of(rows, lost);
    std::vector<Field> matrix;
    for (const auto row : rows) {
      for (const auto sector : lost)
        matrix.push_back(coefficient(row.row, sector));
    }
    std::vector<Field> inverse(matrix.size());
    const auto count = static_cast<int>(lost.size());
    if (gf_invert_matrix(matrix.data(), inverse.data(), count) != 0) return false;
    std::vector<Field> tables(matrix.size() * table_size);
    ec_init_tables(count, count, inverse.data(), tables.data());
    std::vector<Bytes> found(lost.size(), Bytes(size_));
    std::vector<Field*> from;
    std::vector<Field*> to;
    for (std::size_t i = 0; i < lost.size(); ++i) {
      from.push_back(field_of(sums[i].data()));
      to.push_back(field_of(found[i].data()));
    }
    ec_encode_data(static_cast<int>(size_), count, count, tables.data(), from.data(), to.data());
    for (std::size_t i = 0; i < lost.size(); ++i) {
      const auto place = sector(lost[i]);
      std::memcpy(place.data(), found[i].data(), place.size());
    }
    return true;
  }

private:
  struct Row {
    std::size_t row = 0;
    std::size_t place = 0;  // among the parity sectors
  };

  base::MutableBytes sector(std::size_t number) const {
    const auto begin = number * sector_size;
    return covered_.subspan(begin, std::min(sector_size, covered_.size() - begin));
  }

  std::vector<Row> whole_rows(std::span<const std::size_t> lost_parity, std::size_t wanted) const {
    std::vector<Row> rows;
    for (std::size_t j = 0; j < shape_.sectors() && rows.size() < wanted; ++j) {
      if (parity_group(shape_, sectors_, j) != group_) continue;
      if (std::find(lost_parity.begin(), lost_parity.end(), j) != lost_parity.end()) continue;
      rows.push_back({j / shape_.groups, j});
    }
    return rows;
  }

  /// What the lost sectors add to each of `rows`.
  std::vector<Bytes> sums_of(const std::vector<Row>& rows, const std::vector<std::size_t>& lost) {
    std::vector<Bytes> sums;
    std::vector<Field*> to;
    sums.reserve(rows.size());
    to.reserve(rows.size());
    for (const auto& row : rows)
      sums.push_back(base::copy_of(parity_.subspan(row.place * size_, size_)));
    for (auto& sum : sums)
      to.push_back(field_of(sum.data()));
    const auto count = static_cast<int>(rows.size());
    std::vector<Field> column(rows.size());
    std::vector<Field> tables(rows.size() * table_size);
    for (auto i = group_; i < sectors_; i += shape_.groups) {
      if (std::find(lost.begin(), lost.end(), i) != lost.end()) continue;
      for (std::size_t r = 0; r < rows.size(); ++r)
        column[r] = coefficient(rows[r].row, i);
      ec_init_tables(1, count, column.data(), tables.data());
      const auto from = sector(i);
      ec_encode_data_update(static_cast<int>(from.size()), 1, count, 0, tables.data(),
                            field_of(from.data()), to.data());
    }
    return sums;
  }

  const base::MutableBytes covered_;
  const ByteView parity_;
  const ParityShape shape_;
  const std::size_t group_;
  const std::size_t sectors_;
  const std::size_t size_;
};

}  // namespace

std::vector<std::size_t> recover_sectors(base::MutableBytes covered, ByteView parity,
                                         const ParityShape& shape,
                                         std::span<const std::size_t> lost_data,
                                         std::span<const std::size_t> lost_parity) {
  std::vector<std::size_t> left;
  for (std::size_t group = 0; group < shape.groups; ++group) {
    std::vector<std::size_t> lost;
    std::copy_if(lost_data.begin(), lost_data.end(), std::back_inserter(lost),
                 [&](std::size_t sector) { return sector % shape.groups == group; });
    if (lost.empty()) continue;
    if (lost.size() > shape.rows ||
        !GroupRecovery(covered, parity, shape, group).recover(lost, lost_parity)) {
      left.insert(left.end(), lost.begin(), lost.end());
    }
  }
  if (shape.groups == 0) left.assign(lost_data.begin(), lost_data.end());
  std::sort(left.begin(), left.end());
  return left;
}

}  // namespace holdfast::pipeline
