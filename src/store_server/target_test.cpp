#include "target.hpp"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::store_server {
namespace {

using What = Target::What;

TEST(TargetTest, OfEveryKindIsRead) {
  EXPECT_EQ(parse_target("/api/store/v1/blog")->what, What::repository);
  EXPECT_EQ(parse_target("/api/store/v1/blog/leftovers")->what, What::leftovers);
  const auto object = parse_target("/api/store/v1/blog/objects/packs/ab/1");
  ASSERT_TRUE(object);
  EXPECT_EQ(object->what, What::object);
  EXPECT_EQ(object->repository, "blog");
  EXPECT_EQ(object->name, "packs/ab/1");
  const auto list = parse_target("/api/store/v1/blog/objects?prefix=packs%2F&after=packs/ab/1");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->what, What::objects);
  EXPECT_EQ(list->prefix, "packs/");
  EXPECT_EQ(list->after, "packs/ab/1");
  const auto upload = parse_target("/api/store/v1/blog/uploads/" + std::string(32, 'f') +
                                   "?offset=18446744073709551615&name=packs/ab/1");
  ASSERT_TRUE(upload);
  EXPECT_EQ(upload->what, What::upload);
  EXPECT_EQ(upload->offset, UINT64_MAX);
  EXPECT_EQ(upload->name, "packs/ab/1");
}

TEST(TargetTest, AnythingElseIsNone) {
  for (const std::string text : {"",
                                 "/",
                                 "*",
                                 "https://host/api/store/v1/blog",
                                 "/api/store/v1",
                                 "/api/store/v1/",
                                 "/api/store/v1//",
                                 "/api/store/v1/Blog",
                                 "/api/store/v1/..",
                                 "/api/store/v1/.blog",
                                 "/api/store/v1/blog/",
                                 "/api/store/v1/blog/objectsx",
                                 "/api/store/v1/blog/objects/../x",
                                 "/api/store/v1/blog/objects/a?name=b",
                                 "/api/store/v1/blog/objects?offset=-1",
                                 "/api/store/v1/blog/objects?offset=18446744073709551616",
                                 "/api/store/v1/blog/uploads/",
                                 "/api/store/v1/blog/uploads/0123456789ABCDEF0123456789ABCDEF",
                                 "/api/store/v1/blog/objects?prefix",
                                 "/api/store/v1/blog/objects?prefix=packs"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
  EXPECT_FALSE(parse_target("/api/store/v1/" + std::string(65, 'a')));
}

TEST(TargetTest, RangesAreRead) {
  EXPECT_EQ(parse_range("bytes=0-4")->last, 4U);
  EXPECT_EQ(parse_range("bytes=7-")->first, 7U);
  EXPECT_EQ(parse_range("bytes=7-")->last, std::nullopt);
  for (const char* text : {"", "bytes=", "bytes=-5", "bytes=4-3", "bytes=0-1,3-4", "items=0-1",
                           "bytes=a-b", "bytes=99999999999999999999-"}) {
    EXPECT_FALSE(parse_range(text)) << text;
  }
}

}  // namespace
}  // namespace holdfast::store_server
