#include "cli/source_plan.hpp"

#include "base/error.hpp"
#include "base/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <sys/stat.h>

namespace holdfast::cli {
namespace {

using repository::ItemKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TEST(SourcePlan, PathsBecomeAbsolute) {
  EXPECT_EQ(absolute_path("a//b/./c/", "/srv/x"), "/srv/x/a/b/c");
  EXPECT_EQ(absolute_path("/", "/home"), "/");
  EXPECT_EQ(absolute_path("/srv", "/home"), "/srv");
  EXPECT_THROW(absolute_path("", "/home"), base::Error);
}

TEST(SourcePlan, DotsAreResolvedThroughSymlinks) {
  const base::TemporaryDirectory directory;
  ASSERT_EQ(::mkdir(directory.file("real").c_str(), 0700), 0);
  ASSERT_EQ(::mkdir(directory.file("real/inner").c_str(), 0700), 0);
  ASSERT_EQ(::symlink("real/inner", directory.file("link").c_str()), 0);
  const auto base_path = absolute_path("real/inner/..", directory.path());
  EXPECT_EQ(absolute_path("link/../x", directory.path()), base_path + "/x");
}

TEST(SourcePlan, BeneathIsByComponents) {
  EXPECT_TRUE(is_beneath("/srv/a", "/srv"));
  EXPECT_TRUE(is_beneath("/srv", "/srv"));
  EXPECT_TRUE(is_beneath("/srv", "/"));
  EXPECT_FALSE(is_beneath("/srvx", "/srv"));
  EXPECT_FALSE(is_beneath("/", "/srv"));
}

TEST(SourcePlan, InnerSourcesAndOwnFilesAreLeftOutOfTrees) {
  SourcePlan plan;
  plan.sources = {planned_sqlite("/srv/blog/blog.db"), planned_tree(ItemKind::files, "/srv/blog"),
                  planned_tree(ItemKind::config, "/srv/blog/.env"),
                  planned_tree(ItemKind::files, "/srv/blog")};
  EXPECT_THAT(separate(plan, {"/srv/blog/repo", "/var/cache/holdfast"}),
              ElementsAre("/srv/blog/repo"));
  EXPECT_EQ(plan.sources.size(), 3U);
  EXPECT_THAT(plan.exclude_paths,
              UnorderedElementsAre("/srv/blog/blog.db", "/srv/blog/.env", "/srv/blog/repo"));
}

TEST(SourcePlan, SitesWithServersAreNotTakenInSilence) {
  config::Site site;
  site.name = "shop";
  site.files = {"/srv/shop"};
  EXPECT_EQ(plan_of(site, "/etc/h.yaml").sources.size(), 1U);
  site.databases.push_back({config::DatabaseEngine::redis, "", "redis://localhost", {7, 9}});
  try {
    plan_of(site, "/etc/h.yaml");
    FAIL() << "accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::unsupported);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("/etc/h.yaml:7:9: redis"));
  }
}

TEST(SourcePlan, ListsOfPaths) {
  EXPECT_THAT(split_paths("a\n\nb c\n", Separator::newline), ElementsAre("a", "b c"));
  EXPECT_THAT(split_paths(std::string_view("a\nb\0c", 5), Separator::zero),
              ElementsAre("a\nb", "c"));
  EXPECT_THAT(split_paths("", Separator::zero), IsEmpty());
}

}  // namespace
}  // namespace holdfast::cli
