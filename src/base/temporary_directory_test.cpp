#include "base/temporary_directory.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace holdfast::base {
namespace {

TEST(TemporaryDirectory, IsPrivateAndGoesWithItsContents) {
  std::string path;
  {
    const TemporaryDirectory directory;
    path = directory.path();
    EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms::owner_all);
    std::filesystem::create_directories(directory.file("a/b"));
    std::ofstream(directory.file("a/b/c")) << "x";
    const TemporaryDirectory inner(directory.path());
    EXPECT_TRUE(inner.path().starts_with(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TemporaryDirectory, NamesTheParentThatIsMissing) {
  EXPECT_THROW(TemporaryDirectory("/nope"), Error);
}

}  // namespace
}  // namespace holdfast::base
