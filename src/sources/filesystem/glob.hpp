#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::sources {

/// One shell pattern over a path, as gitignore means it: `*` and `?` stop at a slash, `[a-z]`,
/// `[!a]`,
/// `[[:alpha:]]`, `\x`; and `**` as a whole component stands for any number of directories.
///
/// How:    all ways through the pattern are followed at once, so that time is at most pattern
/// length times
///         path length whatever the pattern.
/// Threads: matching is const and safe.
class Glob {
public:
  /// Errors: invalid_input, naming the pattern, when it could never match (an open bracket, an
  /// unknown class, a backslash at the end) or is longer than `size_max`.
  explicit Glob(std::string_view pattern);
  bool matches(std::string_view path) const;

  static constexpr std::size_t size_max =
      4096;  // PATH_MAX: no path that is longer can be spelled out

private:
  enum class Kind : std::uint8_t { literal, any, one_of, star, double_star };
  struct Token {
    Kind kind;
    unsigned char byte = 0;  // literal
    std::uint16_t set = 0;   // one_of
  };
  /// Patterns without a way to choose are compared, not simulated.
  enum class Shape : std::uint8_t { literal, suffix, general };

  std::size_t parse_stars(std::string_view pattern, std::size_t at);
  std::size_t parse_set(std::string_view pattern, std::size_t at);
  void choose_shape();
  class States;
  void enter(States& states, std::size_t state) const;
  void step(const States& now, unsigned char c, States& next) const;
  bool simulate(std::string_view path) const;

  std::vector<Token> tokens_;
  std::vector<std::bitset<256>> sets_;
  Shape shape_ = Shape::general;
  std::string text_;  // of the shapes literal and suffix
};

}  // namespace holdfast::sources
