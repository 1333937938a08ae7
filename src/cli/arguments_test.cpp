#include "arguments.hpp"

#include "base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A command with one of everything.
class CommandLine : public ::testing::Test {
protected:
  CommandLine() {
    commands_.resize(2);
    commands_[0].name = "take";
    auto& arguments = commands_[0].arguments;
    arguments.positional("FIRST", first_, "the first", Completes::nothing);
    arguments.positionals("MORE", more_, "others", Completes::nothing);
    arguments.option("-t,--tag", "TAG", tags_, "repeatable");
    arguments.flag("-n,--dry-run", dry_run_, "a flag");
    arguments.count("--threads", threads_, "a number");
    arguments.size("--size", size_, "a size");
    commands_[1].name = "check";
    shared_.option("-r,--repo", "URL", repo_, "shared");
  }

  ParsedCommandLine parse(const std::vector<std::string>& words) {
    return parse_command_line(words, commands_, shared_);
  }
  std::string error_of(const std::vector<std::string>& words) {
    try {
      parse(words);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::invalid_input);
      return std::string(error.what()) + " | " + error.hint();
    }
    return "accepted";
  }

  std::vector<CommandSyntax> commands_;
  Arguments shared_;
  std::string first_;
  std::vector<std::string> more_;
  std::vector<std::string> tags_;
  bool dry_run_ = false;
  std::optional<std::uint32_t> threads_;
  std::optional<std::uint64_t> size_;
  std::optional<std::string> repo_;
};

TEST_F(CommandLine, SharedOptionsStandBeforeOrAfterTheCommand) {
  parse({"--repo", "a", "take", "x"});
  EXPECT_EQ(repo_, "a");
  parse({"take", "x", "--repo=b"});
  EXPECT_EQ(repo_, "b");
}

TEST_F(CommandLine, RepeatableOptionsTakeOneValueEach) {
  parse(
      {"take", "-t", "one", "x", "--tag", "two", "y", "z", "-n", "--threads", "3", "--size", "4k"});
  EXPECT_THAT(tags_, ElementsAre("one", "two"));
  EXPECT_EQ(first_, "x");
  EXPECT_THAT(more_, ElementsAre("y", "z"));
  EXPECT_TRUE(dry_run_);
  EXPECT_EQ(threads_, 3U);
  EXPECT_EQ(size_, 4096U);
}

TEST_F(CommandLine, EverythingAfterDashesIsPositional) {
  parse({"take", "x", "--", "-n", "--tag", "--"});
  EXPECT_THAT(more_, ElementsAre("-n", "--tag", "--"));
  EXPECT_FALSE(dry_run_);
  parse({"take", "--", "-x"});
  EXPECT_EQ(first_, "-x");
  EXPECT_THAT(error_of({"check", "--", "x"}), HasSubstr("'x' is one too many"));
}

TEST_F(CommandLine, ACommandMayBeAnArgument) {
  EXPECT_EQ(parse({"take", "check"}).command, 0U);
  EXPECT_EQ(first_, "check");
}

TEST_F(CommandLine, MistakesNameWhatWasMeant) {
  EXPECT_THAT(error_of({"tkae"}), HasSubstr("command 'tkae' is not known | did you mean 'take'?"));
  EXPECT_THAT(error_of({"take", "x", "--dry-rum"}), HasSubstr("did you mean '--dry-run'?"));
  EXPECT_THAT(error_of({"take"}), HasSubstr("FIRST is missing"));
  EXPECT_THAT(error_of({"take", "x", "--threads", "many"}),
              HasSubstr("--threads: 'many' is not a whole number"));
  EXPECT_THAT(error_of({"take", "x", "--size", "huge"}), HasSubstr("--size: "));
  EXPECT_THAT(error_of({"take", "x", "--tag"}), HasSubstr("--tag"));
  EXPECT_THAT(error_of({}), HasSubstr("no command"));
}

TEST_F(CommandLine, HelpAndVersion) {
  EXPECT_EQ(parse({"--version"}).wish, ParsedCommandLine::Wish::version);
  const auto help = parse({"take", "--help"});
  EXPECT_EQ(help.wish, ParsedCommandLine::Wish::help);
  EXPECT_THAT(help.help, HasSubstr("--dry-run"));
  EXPECT_THAT(more_, IsEmpty());
}

}  // namespace
}  // namespace holdfast::cli
