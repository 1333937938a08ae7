#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::cli {

/// What a shell may offer for a value.
enum class Completes : std::uint8_t { nothing, files, directories, snapshots, sites };

/// One option, flag or positional argument of a command.
struct Declared {
  enum class Kind : std::uint8_t { flag, option, positional };
  Kind kind = Kind::flag;
  std::string names;  // "-t,--tag"; for positionals "PATH"
  std::string value_name;
  std::string help;
  std::string group;
  Completes completes = Completes::nothing;
  bool required = false;
  bool repeatable = false;
  /// Gets what was given; for a flag nothing. Errors: invalid_input.
  std::function<void(const std::vector<std::string>&)> set;
};

/// What a command accepts. Declared once; parsing, help and shell completion all read it.
class Arguments {
public:
  void group(std::string name) { group_ = std::move(name); }

  void flag(std::string names, bool& value, std::string help);
  void option(std::string names, std::string value_name, std::optional<std::string>& value,
              std::string help, Completes completes = Completes::nothing);
  void option(std::string names, std::string value_name, std::vector<std::string>& values,
              std::string help, Completes completes = Completes::nothing);
  void count(std::string names, std::optional<std::uint32_t>& value, std::string help);
  void size(std::string names, std::optional<std::uint64_t>& value, std::string help);
  void rate(std::string names, std::optional<std::uint64_t>& value, std::string help);
  void duration(std::string names, std::optional<std::int64_t>& value, std::string help);
  void positional(std::string name, std::string& value, std::string help, Completes completes);
  void optional_positional(std::string name, std::optional<std::string>& value, std::string help,
                           Completes completes);
  void positionals(std::string name, std::vector<std::string>& values, std::string help,
                   Completes completes);

  const std::vector<Declared>& declared() const { return declared_; }

private:
  Declared& add(Declared::Kind kind, std::string names, std::string value_name, std::string help,
                Completes completes);

  std::string group_;
  std::vector<Declared> declared_;
};

/// A command as the parser needs it.
struct CommandSyntax {
  std::string name;
  std::string summary;
  std::string examples;
  Arguments arguments;
};

/// What a command line asks for.
struct ParsedCommandLine {
  enum class Wish : std::uint8_t { run, help, version };
  Wish wish = Wish::run;
  std::string help;         // for Wish::help
  std::size_t command = 0;  // index, for Wish::run; its values are set
};

/// Options in `shared` are accepted before and after the command.
/// Errors: invalid_input, with a hint that names what was probably meant.
ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments,
                                     const std::vector<CommandSyntax>& commands,
                                     const Arguments& shared);

}  // namespace holdfast::cli
