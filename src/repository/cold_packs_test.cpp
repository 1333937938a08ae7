// Packs of content in a class that must be thawed: no command but a restore reads them, and none
// takes them for damaged.
#include "repository/collection_testing.hpp"
#include "repository/pack_tiers.hpp"
#include "storage/wrappers/wrappers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace holdfast::repository {
namespace {

using base::ErrorKind;
using testing::IsEmpty;
using testing::SizeIs;

class ColdPacksTest : public ::testing::Test, protected CollectionRepository {
protected:
  ColdPacksTest() : CollectionRepository(Archive{3600}) {}

  std::vector<PackMove> all_to_archive() {
    std::vector<PackMove> moves;
    for (const auto& pack : survey_tiers(*repository).content)
      moves.push_back({pack.id, pack.size, storage::MemoryTiers::archive_class});
    return moves;
  }
  MoveReport freeze() { return move_packs(*memory, all_to_archive(), progress, {}); }
  PrunePlan planned(const PruneOptions& chosen) {
    return plan_prune(*repository, chosen, progress, {});
  }
};

TEST_F(ColdPacksTest, OnlyPacksOfContentAreMoved) {
  back_up(*repository, "a", files({1, 2, 3, 4, 5, 6}));
  const auto moves = all_to_archive();
  EXPECT_LT(moves.size(), names("packs/").size());
  const auto report = freeze();
  EXPECT_EQ(report.packs, moves.size());
  EXPECT_THAT(report.problems, IsEmpty());
  const auto after = survey_tiers(*repository);
  EXPECT_EQ(after.frozen_trees, 0U);
  for (const auto& pack : after.content)
    EXPECT_TRUE(pack.is_archived);
  // Trees can be read, contents cannot.
  const auto snapshot = repository->snapshots().list().front();
  EXPECT_EQ(kind_of_failure([&] { read_files(*repository, snapshot); }), ErrorKind::frozen);
  back_up(*repository, "a", files({1, 2, 3, 4, 5, 6, 7}));
}

TEST_F(ColdPacksTest, ACheckCountsThemAndReadsTheOthers) {
  back_up(*repository, "a", files({1, 2, 3}));
  freeze();
  const auto frozen = survey_tiers(*repository).content.size();
  back_up(*repository, "b", files({4, 5, 6}));
  for (const bool reads : {false, true}) {
    const auto report = check(*repository, {.read_data = reads, .threads = 1}, progress, {});
    for (const auto& problem : report.problems)
      ADD_FAILURE() << problem.object << ": " << problem.message;
    EXPECT_EQ(report.packs_frozen, frozen);
    EXPECT_GT(report.bytes_frozen, 3 * 20'000U);
    EXPECT_EQ(report.packs, names("packs/").size());
    EXPECT_EQ(report.bytes_read != 0, reads);
  }
}

TEST_F(ColdPacksTest, OneThatIsGoneIsMissed) {
  back_up(*repository, "a", files({1, 2, 3}));
  freeze();
  memory->remove(pack_object_name(survey_tiers(*repository).content.front().id));
  EXPECT_THAT(check(*repository, {.threads = 1}, progress, {}).problems, testing::Not(IsEmpty()));
}

TEST_F(ColdPacksTest, APruneWritesNoneAnewAndDeletesWhatIsDead) {
  const auto first = back_up(*repository, "a", files({1, 2, 3, 4, 5, 6}));
  const auto second = back_up(*repository, "a", files({1}));
  freeze();
  forget(*repository, first);
  const auto found = planned(options());
  EXPECT_GT(found.packs_frozen, 0U);
  EXPECT_GT(found.bytes_frozen, 0U);
  const auto is_content = [](const PrunePack& pack) {
    return pack.kind == pipeline::PackKind::data;
  };
  EXPECT_TRUE(std::ranges::none_of(found.repacked, is_content));
  EXPECT_TRUE(prune(*repository).finished());
  EXPECT_THAT(survey_tiers(*repository).content, SizeIs(found.packs_frozen));
  // When nothing of them is needed, they go without being read.
  back_up(*repository, "a", files({9}));
  forget(*repository, second);
  EXPECT_GT(prune(*repository).bytes_deleted, 20'000U);
  for (const auto& pack : survey_tiers(*repository).content)
    EXPECT_FALSE(pack.is_archived);
  expect_all_restore();
}

TEST_F(ColdPacksTest, WhatIsToWaitIsNotWrittenAnew) {
  const auto first = back_up(*repository, "a", files({1, 2, 3, 4, 5, 6}));
  back_up(*repository, "a", files({1}));
  forget(*repository, first);
  const auto eager = planned(options());
  ASSERT_FALSE(eager.repacked.empty());
  auto chosen = options();
  for (const auto& pack : eager.repacked)
    chosen.not_rewritten.insert(pack.id);
  const auto patient = planned(chosen);
  EXPECT_THAT(patient.repacked, IsEmpty());
  EXPECT_EQ(patient.packs_postponed, eager.repacked.size());
}

TEST_F(ColdPacksTest, WhatWentMeanwhileIsNotMoved) {
  back_up(*repository, "a", files({1, 2, 3}));
  const auto moves = all_to_archive();
  memory->remove(pack_object_name(moves.front().id));
  const auto report = move_packs(*memory, moves, progress, {});
  EXPECT_EQ(report.packs, moves.size() - 1);
  EXPECT_THAT(report.problems, IsEmpty());
}

TEST(PackTiers, InAStoreWithoutClassesPacksOfContentAreInOneWithoutAName) {
  CollectionRepository plain;
  plain.back_up(*plain.repository, "a", files({1, 2}));
  const auto tiers = survey_tiers(*plain.repository);
  ASSERT_EQ(tiers.content.size(), 1U);
  EXPECT_EQ(tiers.content[0].storage_class, "");
  EXPECT_FALSE(tiers.content[0].is_archived);
}

}  // namespace
}  // namespace holdfast::repository
