// Who may use the REST store. A token is 256 random bits; the server keeps only its hash.
#pragma once

#include "base/ids.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::store_server {

/// Append-only ones add objects and take nothing away; see rights.hpp.
enum class TokenKind : std::uint8_t { append_only, full };
std::string_view name_of(TokenKind kind);

struct Token {
  std::string name;  // for people; as those of repositories
  TokenKind kind = TokenKind::append_only;
  std::string repository;  // "*": all of them
  base::Hash hash{};
};

inline constexpr std::string_view any_repository = "*";
inline constexpr std::size_t token_file_size_max = 1024UL * 1024;

/// 1 to 64 of [a-z0-9._-], the first no dot.
bool is_plain_name(std::string_view name);

/// A new one, as its user gets it.
base::Secret make_token(base::Random& random);
base::Hash hash_of(base::ByteView token);

/// One line for each token: its name, kind, repository and hash. What follows a '#' is a comment.
/// Errors: invalid_input naming `origin` and the line.
std::vector<Token> parse_tokens(std::string_view text, const std::string& origin);
std::string format_token(const Token& token);

/// The token whose hash is that of `given`; null when there is none.
const Token* find_token(const std::vector<Token>& tokens, base::ByteView given);

/// A file of tokens that is read again when it changed, so that one can be taken back while the
/// server runs. Threads: all calls from any.
class TokenFile {
public:
  explicit TokenFile(std::string path) : path_(std::move(path)) {}
  /// Errors: as base::read_private_file and parse_tokens. Then nobody gets in.
  std::shared_ptr<const std::vector<Token>> tokens();

private:
  const std::string path_;
  std::mutex mutex_;
  std::string stamp_;  // of the file that was read
  std::shared_ptr<const std::vector<Token>> tokens_;
};

}  // namespace holdfast::store_server
