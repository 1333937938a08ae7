#include "storage/location.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace holdfast::storage {
namespace {

TEST(Location, of_a_path_is_a_file_url) {
  EXPECT_EQ(parse_location("/backup/repo").url(), "file:///backup/repo");
  EXPECT_EQ(parse_location("file:///backup/repo").path, "/backup/repo");
  EXPECT_EQ(parse_location("/backup//x/../repo/").path, "/backup/repo");
  EXPECT_EQ(parse_location("/").path, "/");
  EXPECT_EQ(parse_location("repo").path, std::filesystem::current_path().string() + "/repo");
}

TEST(Location, of_memory_is_known) { EXPECT_EQ(parse_location("memory://").scheme, "memory"); }

TEST(Location, that_cannot_be_meant_is_refused) {
  for (const char* text : {"", "file://", "file://host/path", "gopher://x/y"}) {
    EXPECT_THROW(parse_location(text), base::Error) << text;
  }
}

}  // namespace
}  // namespace holdfast::storage
