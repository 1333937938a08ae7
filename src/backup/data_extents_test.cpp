#include "data_extents.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

namespace holdfast::backup {
namespace {

/// A file in memory.
class TextFile final : public sources::SourceFile {
public:
  explicit TextFile(base::Bytes bytes) : bytes_(std::move(bytes)) {}
  std::size_t read_at(std::uint64_t offset, base::MutableBytes into) override {
    if (offset >= bytes_.size()) return 0;
    const auto count = std::min<std::size_t>(into.size(), bytes_.size() - offset);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), count, into.begin());
    return count;
  }
  std::vector<sources::Hole> find_holes() override { return {}; }
  sources::ListedEntry current() override { return {}; }
  void load_details(sources::ListedEntry&, const sources::ProblemSink&) override {}

private:
  base::Bytes bytes_;
};

base::Bytes numbered(std::size_t size) {
  base::Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
  return bytes;
}

base::Bytes without(const base::Bytes& all, const std::vector<sources::Hole>& holes) {
  base::Bytes rest;
  std::size_t next = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    while (next < holes.size() && i >= holes[next].offset + holes[next].length)
      ++next;
    if (next == holes.size() || i < holes[next].offset) rest.push_back(all[i]);
  }
  return rest;
}

RC_GTEST_PROP(DataExtents, AnyDivisionIntoReadsGivesTheBytesOutsideTheHoles, ()) {
  const auto all = numbered(*rc::gen::inRange<std::size_t>(1, 3000));
  std::vector<sources::Hole> holes;
  for (std::uint64_t at = *rc::gen::inRange(0, 200); at + 1 < all.size();) {
    const auto length = std::min<std::uint64_t>(*rc::gen::inRange(1, 300), all.size() - at);
    holes.push_back({at, length});
    at += length + static_cast<std::uint64_t>(*rc::gen::inRange(1, 300));
  }
  const auto expected = without(all, holes);
  const DataExtents extents(all.size(), holes);
  RC_ASSERT(extents.length() == expected.size());

  TextFile file(all);
  base::Bytes read;
  while (read.size() < expected.size()) {
    base::Bytes piece(*rc::gen::inRange<std::size_t>(1, 500));
    const auto count = extents.read(file, read.size(), piece);
    RC_ASSERT(count == std::min(piece.size(), expected.size() - read.size()));
    read.insert(read.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(count));
  }
  RC_ASSERT(read == expected);
}

TEST(DataExtents, AFileThatGotShorterGivesLess) {
  TextFile file(numbered(100));
  const DataExtents extents(150, {{20, 10}});
  base::Bytes into(140);
  EXPECT_EQ(extents.length(), 140U);
  EXPECT_EQ(extents.read(file, 0, into), 90U);
  EXPECT_EQ(extents.read(file, 100, into), 0U);
}

TEST(DataExtents, AFileThatIsAllHoleHasNoData) {
  const DataExtents extents(1ULL << 62U, {{0, 1ULL << 62U}});
  EXPECT_EQ(extents.length(), 0U);
}

}  // namespace
}  // namespace holdfast::backup
