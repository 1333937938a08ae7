#include "store_server/tokens.hpp"

#include "base/error.hpp"
#include "base/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace holdfast::store_server {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string text_of(const base::Secret& token) { return std::string(base::as_text(token.view())); }

class TokensTest : public testing::Test {
protected:
  void write(const std::string& text) const {
    std::ofstream(path()) << text;
    std::filesystem::permissions(
        path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  std::string path() const { return directory_.file("tokens"); }

  const base::TemporaryDirectory directory_;
  base::SystemRandom random_;
};

TEST_F(TokensTest, AreKeptAsHashes) {
  const auto token = make_token(random_);
  const auto other = make_token(random_);
  EXPECT_THAT(text_of(token), testing::StartsWith("hft_"));
  EXPECT_NE(text_of(token), text_of(other));
  const Token kept{"web1", TokenKind::append_only, "blog", hash_of(token.view())};
  EXPECT_EQ(format_token(kept).find(text_of(token).substr(4)), std::string::npos);
  const auto tokens = parse_tokens("# all\n\n" + format_token(kept) + "  # end", "t");
  ASSERT_THAT(tokens, SizeIs(1));
  EXPECT_EQ(format_token(tokens.front()), format_token(kept));
  const auto* const found = find_token(tokens, token.view());
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->name, "web1");
  EXPECT_EQ(find_token(tokens, other.view()), nullptr);
  EXPECT_EQ(find_token(tokens, {}), nullptr);
}

TEST_F(TokensTest, LinesThatAreNoneAreNamed) {
  const std::string hash(64, '0');
  for (const std::string& line : std::vector<std::string>{
           "web1", "web1 append-only blog", "web1 all blog " + hash, "Web1 full blog " + hash,
           "web1 full ../x " + hash, "web1 full blog " + hash.substr(1),
           "web1 full blog " + hash + " more", "web1 full .x " + hash}) {
    try {
      parse_tokens("# head\n" + line + "\n", "the file");
      FAIL() << line;
    } catch (const base::Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("the file, line 2")) << line;
    }
  }
  EXPECT_THROW(parse_tokens("a full * " + hash + "\na full * " + hash + "\n", "t"), base::Error);
}

TEST_F(TokensTest, AFileThatChangedIsReadAgain) {
  const auto line = format_token({"a", TokenKind::full, "*", {}});
  write(line);
  TokenFile file(path());
  const auto first = file.tokens();
  EXPECT_THAT(*first, SizeIs(1));
  EXPECT_EQ(file.tokens(), first);
  write("");
  EXPECT_THAT(*file.tokens(), IsEmpty());
  write(line + "nonsense");
  EXPECT_THROW(file.tokens(), base::Error);
  EXPECT_THROW(file.tokens(), base::Error) << "nobody gets in by what was before";
}

TEST_F(TokensTest, AFileThatOthersMayReadIsNotUsed) {
  write("");
  std::filesystem::permissions(path(), std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  TokenFile file(path());
  try {
    file.tokens();
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::access_denied);
    EXPECT_THAT(error.hint(), HasSubstr("chmod 600"));
  }
}

}  // namespace
}  // namespace holdfast::store_server
