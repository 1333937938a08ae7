#include "sources/filesystem/glob.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <string>

namespace holdfast::sources {
namespace {

bool matches(const char* pattern, const char* path) { return Glob(pattern).matches(path); }

TEST(Glob, StarsAndQuestionMarksStopAtASlash) {
  EXPECT_TRUE(matches("*.txt", "a.txt"));
  EXPECT_TRUE(matches("*.txt", ".txt"));
  EXPECT_FALSE(matches("*.txt", "d/a.txt"));
  EXPECT_TRUE(matches("a?c", "abc"));
  EXPECT_FALSE(matches("a?c", "a/c"));
  EXPECT_TRUE(matches("a*c/d", "abbc/d"));
  EXPECT_FALSE(matches("a*d", "abc/d"));
}

TEST(Glob, DoubleStarsStandForAnyNumberOfDirectories) {
  EXPECT_TRUE(matches("**/foo", "foo"));
  EXPECT_TRUE(matches("**/foo", "a/b/foo"));
  EXPECT_FALSE(matches("**/foo", "a/bfoo"));
  EXPECT_TRUE(matches("a/**/b", "a/b"));
  EXPECT_TRUE(matches("a/**/b", "a/x/y/b"));
  EXPECT_FALSE(matches("a/**/b", "ab"));
  EXPECT_TRUE(matches("abc/**", "abc/x/y"));
  EXPECT_FALSE(matches("abc/**", "abc"));
  EXPECT_TRUE(matches("**/**/x", "x"));
  EXPECT_TRUE(matches("**/*/x", "a/x"));
  EXPECT_FALSE(matches("**/*/x", "x"));
  EXPECT_FALSE(matches("a**b", "a/b")) << "not a component of its own: a plain star";
}

TEST(Glob, Brackets) {
  EXPECT_TRUE(matches("[a-c]x", "bx"));
  EXPECT_FALSE(matches("[!a-c]x", "bx"));
  EXPECT_TRUE(matches("[^a-c]x", "dx"));
  EXPECT_TRUE(matches("[]x]", "]"));
  EXPECT_TRUE(matches("[a-]", "-"));
  EXPECT_TRUE(matches("[\\]]", "]"));
  EXPECT_TRUE(matches("[[:digit:][:upper:]]", "Q"));
  EXPECT_FALSE(matches("[[:digit:]]", "Q"));
  EXPECT_FALSE(matches("a[!x]b", "a/b"));
  EXPECT_TRUE(matches("[\xc3][\xa4]", "\xc3\xa4"));
}

TEST(Glob, EscapesAreLiteral) {
  EXPECT_TRUE(matches("\\*", "*"));
  EXPECT_FALSE(matches("\\*", "a"));
  EXPECT_TRUE(matches("a\\bc", "abc"));
}

TEST(Glob, PatternsThatCannotMatchAreRefused) {
  for (const char* pattern : {"[a", "a\\", "[[:nope:]]", "[!", "[a-", "[[:alpha:"})
    EXPECT_THROW(Glob{pattern}, base::Error) << pattern;
  EXPECT_THROW(Glob(std::string(Glob::size_max + 1, 'a')), base::Error);
}

TEST(Glob, HostilePatternsTakeLinearTime) {
  std::string pattern;
  for (int i = 0; i < 1000; ++i)
    pattern += "*a";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(Glob(pattern + "b").matches(std::string(4000, 'a')));
  std::string directories;
  for (int i = 0; i < 1000; ++i)
    directories += "**/";
  EXPECT_FALSE(Glob(directories + "b").matches(std::string(4000, '/')));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

/// The obvious way, exponential: what a pattern of literals, "?", "*" and "**" means.
bool matches_slowly(std::string_view pattern, std::string_view path, bool starts_component) {
  if (pattern.empty()) return path.empty();
  if (pattern.starts_with("**/") && starts_component) {
    if (matches_slowly(pattern.substr(3), path, true)) return true;
    for (std::size_t i = 0; i < path.size(); ++i)
      if (path[i] == '/' && matches_slowly(pattern.substr(3), path.substr(i + 1), true))
        return true;
    return false;
  }
  if (pattern == "**" && starts_component) return true;
  if (pattern[0] == '*') {
    if (matches_slowly(pattern.substr(1), path, false)) return true;
    return !path.empty() && path[0] != '/' && matches_slowly(pattern, path.substr(1), false);
  }
  if (path.empty()) return false;
  const bool fits = pattern[0] == '?' ? path[0] != '/' : pattern[0] == path[0];
  return fits && matches_slowly(pattern.substr(1), path.substr(1), pattern[0] == '/');
}

RC_GTEST_PROP(GlobProperty, IsWhatTheObviousWayFinds, ()) {
  const auto text = [](const char* alphabet) {
    return rc::gen::container<std::string>(rc::gen::elementOf(std::string(alphabet)));
  };
  const std::string pattern = *rc::gen::resize(8, text("ab/?***"));
  const std::string path = *rc::gen::resize(10, text("ab/"));
  // A longer run of stars, or one inside a component, is a matter of its own.
  RC_PRE(pattern.find("***") == std::string::npos);
  for (std::size_t at = pattern.find("**"); at != std::string::npos;
       at = pattern.find("**", at + 2))
    RC_PRE((at == 0 || pattern[at - 1] == '/') &&
           (at + 2 == pattern.size() || pattern[at + 2] == '/'));
  RC_ASSERT(Glob(pattern).matches(path) == matches_slowly(pattern, path, true));
}

}  // namespace
}  // namespace holdfast::sources
