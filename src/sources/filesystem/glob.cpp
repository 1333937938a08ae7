#include "sources/filesystem/glob.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <span>

namespace holdfast::sources {
namespace {

[[noreturn]] void refuse(std::string_view pattern, std::string_view why) {
  throw base::Error(base::ErrorKind::invalid_input,
                    fmt::format("the pattern '{}' {}", base::printable(pattern), why));
}

unsigned char byte_of(char c) { return static_cast<unsigned char>(c); }

struct NamedClass {
  std::string_view name;
  int (*test)(int);
};

constexpr std::array named_classes = {
    NamedClass{"alnum", [](int c) { return std::isalnum(c); }},
    NamedClass{"alpha", [](int c) { return std::isalpha(c); }},
    NamedClass{"blank", [](int c) { return c == ' ' || c == '\t' ? 1 : 0; }},
    NamedClass{"cntrl", [](int c) { return std::iscntrl(c); }},
    NamedClass{"digit", [](int c) { return std::isdigit(c); }},
    NamedClass{"graph", [](int c) { return std::isgraph(c); }},
    NamedClass{"lower", [](int c) { return std::islower(c); }},
    NamedClass{"print", [](int c) { return std::isprint(c); }},
    NamedClass{"punct", [](int c) { return std::ispunct(c); }},
    NamedClass{"space", [](int c) { return std::isspace(c); }},
    NamedClass{"upper", [](int c) { return std::isupper(c); }},
    NamedClass{"xdigit", [](int c) { return std::isxdigit(c); }},
};

void add_named_class(std::string_view name, std::bitset<256>& set, std::string_view pattern) {
  const auto found = std::find_if(named_classes.begin(), named_classes.end(),
                                  [&](const NamedClass& known) { return known.name == name; });
  if (found == named_classes.end()) refuse(pattern, "names a character class that does not exist");
  for (int c = 0; c < 128; ++c)
    if (found->test(c) != 0) set.set(static_cast<std::size_t>(c));
}

void add_range(unsigned char first, unsigned char last, std::bitset<256>& set) {
  for (unsigned c = first; c <= last; ++c)
    set.set(c);
}

}  // namespace

/// The states of the simulation: state n is "the first n tokens have matched".
class Glob::States {
public:
  explicit States(std::size_t words) : words_(words) {
    std::fill_n(bits_.begin(), words_, std::uint64_t{0});
  }
  void set(std::size_t state) { bits_[state / 64] |= std::uint64_t{1} << (state % 64); }
  bool has(std::size_t state) const { return (bits_[state / 64] >> (state % 64) & 1) != 0; }
  bool empty() const {
    return std::all_of(words().begin(), words().end(), [](auto word) { return word == 0; });
  }
  std::span<const std::uint64_t> words() const { return {bits_.data(), words_}; }

private:
  std::size_t words_;
  std::array<std::uint64_t, Glob::size_max / 64 + 1> bits_;
};

Glob::Glob(std::string_view pattern) {
  if (pattern.size() > size_max) refuse(pattern.substr(0, 64), "is too long");
  std::size_t at = 0;
  while (at < pattern.size()) {
    switch (pattern[at]) {
      case '*':
        at = parse_stars(pattern, at);
        break;
      case '[':
        at = parse_set(pattern, at + 1);
        break;
      case '?':
        tokens_.push_back({Kind::any});
        ++at;
        break;
      case '\\':
        if (++at == pattern.size()) refuse(pattern, "ends in a backslash");
        [[fallthrough]];
      default:
        tokens_.push_back({Kind::literal, byte_of(pattern[at++])});
    }
  }
  choose_shape();
}

std::size_t Glob::parse_stars(std::string_view pattern, std::size_t at) {
  const std::size_t end = std::min(pattern.find_first_not_of('*', at), pattern.size());
  const bool starts_component = at == 0 || pattern[at - 1] == '/';
  const bool ends_component = end == pattern.size() || pattern[end] == '/';
  const bool crosses = end - at >= 2 && starts_component && ends_component;
  tokens_.push_back({crosses ? Kind::double_star : Kind::star});
  return end;
}

/// `at` is behind the bracket; returns where the pattern goes on.
std::size_t Glob::parse_set(std::string_view pattern, std::size_t at) {
  std::bitset<256> set;
  const auto need = [&](std::size_t position) {
    if (position >= pattern.size()) refuse(pattern, "has a bracket that is not closed");
    return pattern[position];
  };
  const bool negated = need(at) == '!' || need(at) == '^';
  if (negated) ++at;
  int previous = -1;  // what a following '-' would make a range of
  for (bool first = true; first || need(at) != ']'; first = false) {
    char c = need(at);
    if (c == '-' && previous >= 0 && need(at + 1) != ']') {
      c = need(++at);
      if (c == '\\') c = need(++at);
      add_range(static_cast<unsigned char>(previous), byte_of(c), set);
      previous = -1;
    } else if (c == '[' && need(at + 1) == ':') {
      const std::size_t close = pattern.find(']', at + 2);
      if (close == std::string_view::npos) refuse(pattern, "has a bracket that is not closed");
      if (close > at + 2 && pattern[close - 1] == ':') {
        add_named_class(pattern.substr(at + 2, close - at - 3), set, pattern);
        at = close;
        previous = -1;
      } else {
        set.set(byte_of(c));
        previous = byte_of(c);
      }
    } else {
      if (c == '\\') c = need(++at);
      set.set(byte_of(c));
      previous = byte_of(c);
    }
    ++at;
  }
  if (negated) set.flip();
  set.reset('/');
  tokens_.push_back({Kind::one_of, 0, static_cast<std::uint16_t>(sets_.size())});
  sets_.push_back(set);
  return at + 1;
}

void Glob::choose_shape() {
  const auto is_literal = [](const Token& token) { return token.kind == Kind::literal; };
  const bool starts_with_star = !tokens_.empty() && tokens_.front().kind == Kind::star;
  const auto begin = tokens_.begin() + (starts_with_star ? 1 : 0);
  if (!std::all_of(begin, tokens_.end(), is_literal)) return;
  shape_ = starts_with_star ? Shape::suffix : Shape::literal;
  for (auto token = begin; token != tokens_.end(); ++token)
    text_.push_back(static_cast<char>(token->byte));
}

bool Glob::matches(std::string_view path) const {
  switch (shape_) {
    case Shape::literal:
      return path == text_;
    case Shape::suffix:
      return path.ends_with(text_) &&
             path.substr(0, path.size() - text_.size()).find('/') == std::string_view::npos;
    case Shape::general:
      return simulate(path);
  }
  return false;
}

/// Puts `state` and all that can be reached from it without a character into `states`.
void Glob::enter(States& states, std::size_t state) const {
  if (states.has(state)) return;
  states.set(state);
  if (state == tokens_.size()) return;
  const Kind kind = tokens_[state].kind;
  if (kind != Kind::star && kind != Kind::double_star) return;
  enter(states, state + 1);
  // "**/" may stand for no directory at all: then its slash is not there either.
  if (kind == Kind::double_star && state + 1 < tokens_.size()) enter(states, state + 2);
}

/// States are stepped in ascending order: a "**" is entered from in front before it stays where it
/// is.
void Glob::step(const States& now, unsigned char c, States& next) const {
  for (std::size_t word = 0; word < now.words().size(); ++word) {
    for (std::uint64_t bits = now.words()[word]; bits != 0; bits &= bits - 1) {
      const std::size_t state = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
      if (state == tokens_.size()) continue;
      const Token& token = tokens_[state];
      switch (token.kind) {
        case Kind::literal:
          if (token.byte == c) enter(next, state + 1);
          break;
        case Kind::any:
          if (c != '/') enter(next, state + 1);
          break;
        case Kind::one_of:
          if (sets_[token.set][c]) enter(next, state + 1);
          break;
        case Kind::star:
          if (c == '/') break;
          [[fallthrough]];
        case Kind::double_star:
          next.set(state);
          enter(next, state + 1);
      }
    }
  }
}

bool Glob::simulate(std::string_view path) const {
  const std::size_t words = tokens_.size() / 64 + 1;
  States now(words);
  enter(now, 0);
  for (const char c : path) {
    States next(words);
    step(now, byte_of(c), next);
    if (next.empty()) return false;
    now = next;
  }
  return now.has(tokens_.size());
}

}  // namespace holdfast::sources
