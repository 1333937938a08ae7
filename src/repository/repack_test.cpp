// What a prune reads of packs of which only a part is needed.
#include "repository/collection_testing.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <gtest/gtest.h>

namespace holdfast::repository {
namespace {

using base::Bytes;

/// Two of three chunks of one segment are forgotten: what the third costs.
class PlainSegmentTest : public ::testing::Test, protected CollectionRepository {
protected:
  static constexpr std::size_t file_size = 20'000;

  PlainSegmentTest() {
    const auto first = back_up(*repository, "a", files({1, 2, 3}, file_size));
    for (const auto& object : names("packs/"))
      if (memory->stat(object)->size > 3 * file_size) pack_ = object;
    back_up(*repository, "a", files({2}, file_size));
    forget(*repository, first);
  }
  /// Byte `at` of the chunk bytes of the pack's only segment.
  void damage(std::size_t at) {
    constexpr std::size_t chunks_begin = pipeline::pack_header_size + 24 + 4 + 3 * 4;
    whole_ = object(pack_);
    // As much parity as there may be mends this, when a repair is asked for; a prune does not.
    flip(pack_, chunks_begin + at);
  }

  std::string pack_;
  Bytes whole_;
};

TEST_F(PlainSegmentTest, OnlyTheChunkThatIsNeededIsRead) {
  storage::Traffic traffic;
  const auto counted = storage::with_counting(*memory, traffic);
  const auto opened = Repository::open(*counted, passphrase, environment());
  const auto planned = plan_prune(*opened, options(), progress, {});
  ASSERT_EQ(planned.repacked.size(), 1U);
  const std::uint64_t before = traffic.bytes_read;
  EXPECT_TRUE(apply_prune(*opened, planned, options(), progress, {}).finished());
  EXPECT_LT(traffic.bytes_read - before, 2 * file_size);
  expect_all_restore();
}

TEST_F(PlainSegmentTest, DamageOfWhatNobodyNeedsIsInNobodysWay) {
  damage(0);
  EXPECT_EQ(prune(*repository).packs_repacked, 1U);
  EXPECT_FALSE(memory->stat(pack_));
  expect_all_restore();
}

TEST_F(PlainSegmentTest, ADamagedChunkIsNotCopied) {
  damage(file_size + 1);
  EXPECT_EQ(prune(*repository).packs_repacked, 0U);
  EXPECT_TRUE(memory->stat(pack_));
  replace(pack_, whole_);
  expect_all_restore();
}

TEST_F(PlainSegmentTest, ADamagedChunkIsTakenFromACopy) {
  const auto copy = storage::open_memory();
  memory->list("", [&](const auto& object) {
    static_cast<void>(storage::put(*copy, object.name, this->object(object.name)));
  });
  damage(file_size + 1);
  const auto both = storage::with_fallbacks(
      *memory, {{"copy", [&] { return storage::read_only(*copy); }}}, [](const auto&) {});
  const auto opened = Repository::open(*both, passphrase, environment());
  EXPECT_EQ(prune(*opened).packs_repacked, 1U);
  expect_all_restore();
}

}  // namespace
}  // namespace holdfast::repository
