#include "storage/backend.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

TEST(ObjectNames, are_lower_case_parts) {
  for (const char* name : {"format", "packs/ab/0f.pack", "a/b/c/d", "0", "x_-."}) {
    EXPECT_NO_THROW(check_name(name)) << name;
  }
}

TEST(ObjectNames, that_could_mean_something_else_are_refused) {
  for (const char* name : {"", "a/", "/a", "a//b", "..", "a/.b", "a/b/c/d/e", "A", "a b", "\x7f"}) {
    EXPECT_THROW(check_name(name), base::Error) << name;
  }
}

TEST(ObjectNames, prefixes_end_in_a_slash) {
  for (const char* prefix : {"", "packs/", "packs/ab/"})
    EXPECT_NO_THROW(check_prefix(prefix));
  for (const char* prefix : {"packs", "/", "../", "packs//"}) {
    EXPECT_THROW(check_prefix(prefix), base::Error) << prefix;
  }
}

TEST(ObjectNames, in_messages_cannot_move_the_cursor) {
  try {
    check_name("a\x1b[2J");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(std::string(error.what()).find('\x1b'), std::string::npos);
  }
}

}  // namespace
}  // namespace holdfast::storage
