#include "store_server/tokens.hpp"

#include "base/error.hpp"
#include "base/private_file.hpp"
#include "base/units.hpp"
#include "crypto/blake3.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <span>
#include <sys/stat.h>
#include <utility>

namespace holdfast::store_server {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::string_view token_prefix = "hft_";
constexpr std::size_t token_size = 32;
constexpr std::size_t name_size_max = 64;
constexpr const char* hash_context = "holdfast 2026-11-21 token of the REST store";
constexpr std::size_t words_max = 5;

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view blanks = " \t\r";
  line = line.substr(0, line.find('#'));
  std::vector<std::string_view> words;
  while (words.size() < words_max) {
    const auto begin = line.find_first_not_of(blanks);
    if (begin == line.npos) break;
    line.remove_prefix(begin);
    words.push_back(line.substr(0, line.find_first_of(blanks)));
    line.remove_prefix(words.back().size());
  }
  return words;
}

std::optional<Token> parse_token(const std::vector<std::string_view>& words) {
  if (words.size() != 4 || !is_plain_name(words[0])) return std::nullopt;
  Token token{std::string(words[0]), TokenKind::full, std::string(words[2]), {}};
  if (words[1] == name_of(TokenKind::append_only)) {
    token.kind = TokenKind::append_only;
  } else if (words[1] != name_of(TokenKind::full)) {
    return std::nullopt;
  }
  if (token.repository != any_repository && !is_plain_name(token.repository)) return std::nullopt;
  try {
    token.hash = base::Hash::from_hex(words[3]);
  } catch (const Error&) {
    return std::nullopt;
  }
  return token;
}

}  // namespace

std::string_view name_of(TokenKind kind) {
  return kind == TokenKind::full ? "full" : "append-only";
}

bool is_plain_name(std::string_view name) {
  constexpr std::string_view characters = "abcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() <= name_size_max && name.front() != '.' &&
         name.find_first_not_of(characters) == name.npos;
}

base::Secret make_token(base::Random& random) {
  std::array<std::byte, token_size> bytes{};
  random.fill(bytes);
  auto text = std::string(token_prefix) + base::to_hex(bytes);
  base::Secret token(base::as_bytes(text));
  base::wipe(std::as_writable_bytes(std::span(text)));
  base::wipe(bytes);
  return token;
}

base::Hash hash_of(base::ByteView token) {
  return crypto::Blake3::derive_key(hash_context).update(token).finish();
}

std::vector<Token> parse_tokens(std::string_view text, const std::string& origin) {
  std::vector<Token> tokens;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto words = words_of(line);
    if (words.empty()) continue;
    auto token = parse_token(words);
    if (!token) {
      throw Error(ErrorKind::invalid_input, fmt::format("{}, line {}, is no token", origin, number))
          .set_hint(
              "a line has a name, append-only or full, a repository or *, and a hash; 'holdfast "
              "token add' writes it");
    }
    if (std::ranges::find(tokens, token->name, &Token::name) != tokens.end()) {
      throw Error(ErrorKind::invalid_input, fmt::format("{}, line {}: there is a token {} already",
                                                        origin, number, token->name))
          .set_hint("give each token a name of its own");
    }
    tokens.push_back(std::move(*token));
  }
  return tokens;
}

std::string format_token(const Token& token) {
  return fmt::format("{} {} {} {}\n", token.name, name_of(token.kind), token.repository,
                     token.hash.hex());
}

const Token* find_token(const std::vector<Token>& tokens, base::ByteView given) {
  const auto hash = hash_of(given);
  const Token* found = nullptr;
  // All of them: how long it takes does not tell which.
  for (const auto& token : tokens) {
    if (base::equal_in_constant_time(token.hash.view(), hash.view())) found = &token;
  }
  return found;
}

std::shared_ptr<const std::vector<Token>> TokenFile::tokens() {
  const std::lock_guard lock(mutex_);
  struct stat status{};
  if (::stat(path_.c_str(), &status) != 0) {
    throw base::system_error(errno, "looking at the tokens in " + base::printable(path_));
  }
  auto stamp = fmt::format("{} {} {} {} {}", status.st_ino, status.st_size, status.st_mtim.tv_sec,
                           status.st_mtim.tv_nsec, status.st_ctim.tv_nsec);
  if (tokens_ && stamp == stamp_) return tokens_;
  const auto name = "the file of tokens " + base::printable(path_);
  const auto text = base::read_private_file(path_, name, token_file_size_max);
  tokens_ =
      std::make_shared<const std::vector<Token>>(parse_tokens(base::as_text(text.view()), name));
  stamp_ = std::move(stamp);
  return tokens_;
}

}  // namespace holdfast::store_server
