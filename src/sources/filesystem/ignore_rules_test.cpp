#include "sources/filesystem/ignore_rules.hpp"

#include "base/error.hpp"
#include "test_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <random>
#include <set>

namespace holdfast::sources {
namespace {

using Verdict = IgnoreRules::Verdict;
using What = IgnoreRules::What;

IgnoreRules rules(const std::vector<std::string>& lines) {
  IgnoreRules made;
  for (const auto& line : lines)
    made.add(line);
  return made;
}

Verdict verdict(const std::vector<std::string>& lines, const char* path, What what = What::file) {
  return rules(lines).match(path, what);
}

TEST(IgnoreRules, LinesThatSayNothing) {
  EXPECT_TRUE(rules({"", "# comment", "   ", "\n", "\r\n", "/", "!"}).empty());
  EXPECT_FALSE(rules({"\\#file"}).empty());
}

TEST(IgnoreRules, PatternsWithoutASlashMatchAtAnyDepth) {
  EXPECT_EQ(verdict({"*.o"}, "a/b/c.o"), Verdict::ignored);
  EXPECT_EQ(verdict({"build"}, "src/build"), Verdict::ignored);
  EXPECT_FALSE(rules({"*.o", "build/"}).needs_path());
}

TEST(IgnoreRules, ASlashInFrontOrInsideAnchors) {
  EXPECT_EQ(verdict({"/build"}, "build"), Verdict::ignored);
  EXPECT_EQ(verdict({"/build"}, "src/build"), Verdict::none);
  EXPECT_EQ(verdict({"doc/*.txt"}, "doc/a.txt"), Verdict::ignored);
  EXPECT_EQ(verdict({"doc/*.txt"}, "x/doc/a.txt"), Verdict::none);
  EXPECT_TRUE(rules({"/build"}).needs_path());
}

TEST(IgnoreRules, ASlashAtTheEndIsForDirectories) {
  EXPECT_EQ(verdict({"build/"}, "a/build", What::directory), Verdict::ignored);
  EXPECT_EQ(verdict({"build/"}, "a/build", What::file), Verdict::none);
}

TEST(IgnoreRules, TheLastMatchDecides) {
  EXPECT_EQ(verdict({"*.txt", "!keep.txt"}, "keep.txt"), Verdict::included);
  EXPECT_EQ(verdict({"!keep.txt", "*.txt"}, "keep.txt"), Verdict::ignored);
  EXPECT_EQ(verdict({"\\!bang"}, "!bang"), Verdict::ignored);
}

TEST(IgnoreRules, SpacesAtTheEndCountWhenEscaped) {
  EXPECT_EQ(verdict({"a  "}, "a"), Verdict::ignored);
  EXPECT_EQ(verdict({"a\\ "}, "a "), Verdict::ignored);
  EXPECT_EQ(verdict({"a b"}, "a b"), Verdict::ignored);
  EXPECT_EQ(verdict({"a\t"}, "a\t"), Verdict::ignored);
}

TEST(IgnoreRules, ABrokenPatternIsNamed) {
  try {
    rules({"foo[bar"});
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::invalid_input);
    EXPECT_THAT(error.what(), testing::HasSubstr("foo[bar"));
  }
  EXPECT_THROW(rules({std::string("a\0b", 3)}), base::Error);
}

/// What git itself says: the paths of `paths` that a .gitignore with `lines` leaves out.
class Git {
public:
  static bool is_there() { return std::system("git --version >/dev/null 2>&1") == 0; }

  Git() { run("git init -q " + tree_.path()); }

  std::set<std::string> ignored(const std::vector<std::string>& lines,
                                const std::vector<std::string>& paths) {
    std::string text;
    for (const auto& line : lines)
      text += line + "\n";
    tree_.write(".gitignore", text);
    text.clear();
    for (const auto& path : paths)
      text += path + '\0';
    tree_.write(".git/paths", text);
    const std::string output = run("cd " + tree_.path() +
                                   " && git -c core.excludesFile=/dev/null check-ignore --no-index "
                                   "-z -v -n --stdin < .git/paths");
    // Four fields each: source, line number, pattern, path; an empty pattern means no match.
    std::set<std::string> found;
    std::array<std::string, 4> fields;
    std::size_t at = 0;
    for (std::size_t begin = 0; begin < output.size(); ++at) {
      const std::size_t end = output.find('\0', begin);
      fields[at % 4] = output.substr(begin, end - begin);
      begin = end + 1;
      if (at % 4 == 3 && !fields[2].empty() && !fields[2].starts_with('!')) found.insert(fields[3]);
    }
    return found;
  }

private:
  static std::string run(const std::string& command) {
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
    std::string output;
    std::array<char, 4096> buffer;
    while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe.get()))
      output.append(buffer.data(), got);
    return output;
  }

  const test::ScratchTree tree_;
};

/// As a scan decides: a path is left out when it or a directory above it is.
bool leaves_out(const IgnoreRules& ignore, const std::string& path) {
  for (std::size_t end = path.find('/'); end != std::string::npos; end = path.find('/', end + 1))
    if (ignore.match(path.substr(0, end), What::directory) == Verdict::ignored) return true;
  return ignore.match(path, What::file) == Verdict::ignored;
}

TEST(IgnoreRules, AreWhatGitSays) {
  ASSERT_TRUE(Git::is_there()) << "install the package git";
  Git git;
  std::mt19937 random(20'261'121);
  const auto pick = [&](const std::vector<std::string>& from) {
    return from[random() % from.size()];
  };
  const std::vector<std::string> pieces = {"a",  "b",           "ab", "*",   "?",    "[ab]", "[!a]",
                                           "/",  "/",           "/",  "**/", "/**/", "/**",  "c",
                                           "\\", "[[:alpha:]]", " ",  ".",   "\\*",  "[]a]", "[a-"};
  const std::vector<std::string> names = {"a", "b", "c", "ab", "abc", "a b", "*", "]", "a.b", "ba"};
  int refused = 0;
  std::size_t ignored = 0;
  for (int round = 0; round < 150; ++round) {
    std::vector<std::string> lines;
    while (lines.size() < 1 + random() % 4) {
      std::string line = random() % 4 == 0 ? "!" : "";
      const std::size_t length = 1 + random() % 5;
      for (std::size_t i = 0; i < length; ++i)
        line += pick(pieces);
      if (random() % 4 == 0) line += "/";
      // Git looks for "**" after the literal beginning it has cut off: "a**/b" then means more than
      // documented.
      if (line.find("**") != std::string::npos) {
        bool documented = line.find("***") == std::string::npos;
        for (auto at = line.find("**"); at != std::string::npos; at = line.find("**", at + 2))
          documented = documented && (at == 0 || line[at - 1] == '/' || line[at - 1] == '!') &&
                       (at + 2 == line.size() || line[at + 2] == '/');
        if (!documented) continue;
      }
      lines.push_back(line);
    }
    IgnoreRules ours;
    for (const auto& line : lines) {
      try {
        ours.add(line);
      } catch (const base::Error&) {
        ++refused;  // git takes it, and it never matches
      }
    }
    std::vector<std::string> paths;
    for (int i = 0; i < 60; ++i) {
      std::string path = pick(names);
      for (std::size_t depth = random() % 4; depth > 0; --depth)
        path += "/" + pick(names);
      paths.push_back(path);
    }
    const auto expected = git.ignored(lines, paths);
    ignored += expected.size();
    for (const auto& path : paths)
      ASSERT_EQ(leaves_out(ours, path), expected.contains(path))
          << "path '" << path << "' with " << testing::PrintToString(lines);
  }
  EXPECT_GT(refused, 10);
  EXPECT_GT(ignored, 1000U);
}

}  // namespace
}  // namespace holdfast::sources
