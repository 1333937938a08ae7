// The only file that knows CLI11: declared arguments in, values or a mistake out.
#include "arguments.hpp"
#include "base/error.hpp"
#include "base/units.hpp"
#include "config/nearest.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace holdfast::cli {

namespace {

constexpr int help_column = 34;

/// Words for positional arguments, by declaration.
using Words = std::map<const Declared*, std::vector<std::string>>;

/// What stands after "--" is positional whatever it looks like. CLI11 gives it to the wrong command
/// when the positionals have no minimum, so it never sees it.
struct SplitLine {
  std::vector<std::string> options;
  std::vector<std::string> rest;
};

SplitLine split_at_dashes(const std::vector<std::string>& arguments) {
  const auto dashes = std::ranges::find(arguments, "--");
  SplitLine line;
  line.options.assign(arguments.begin(), dashes);
  if (dashes != arguments.end()) line.rest.assign(dashes + 1, arguments.end());
  return line;
}

CLI::Option* add_to(CLI::App& app, const Declared& declared, Words& words) {
  if (declared.kind == Declared::Kind::flag) {
    return app.add_flag_callback(declared.names, [&declared] { declared.set({}); }, declared.help);
  }
  const bool positional = declared.kind == Declared::Kind::positional;
  auto* option = app.add_option(
      declared.names,
      [&declared, &words, positional](const CLI::results_t& given) {
        if (positional) {
          words[&declared] = given;
        } else {
          declared.set(given);
        }
        return true;
      },
      declared.help);
  option->type_name(declared.value_name);
  if (declared.repeatable && positional) {
    option->expected(0, -1)->allow_extra_args(true)->take_all();
  } else if (declared.repeatable) {
    option->expected(1)->take_all();
  } else {
    option->expected(1)->take_last();
  }
  return option;
}

void add_all(CLI::App& app, const Arguments& arguments, Words& words) {
  for (const auto& declared : arguments.declared()) {
    auto* option = add_to(app, declared, words);
    if (!declared.group.empty()) option->group(declared.group);
  }
}

/// Gives each positional argument its words, those after "--" last.
void set_positionals(const Arguments& arguments, Words words, std::vector<std::string> rest) {
  auto next = rest.begin();
  for (const auto& declared : arguments.declared()) {
    if (declared.kind != Declared::Kind::positional) continue;
    auto& given = words[&declared];
    const auto wanted = declared.repeatable ? rest.end() - next
                                            : std::ptrdiff_t{given.empty() && next != rest.end()};
    given.insert(given.end(), next, next + wanted);
    next += wanted;
    if (!given.empty()) {
      declared.set(given);
    } else if (declared.required) {
      throw base::Error(base::ErrorKind::invalid_input,
                        fmt::format("{} is missing", declared.names))
          .set_hint(declared.help);
    }
  }
  if (next != rest.end()) {
    throw base::Error(base::ErrorKind::invalid_input,
                      fmt::format("argument '{}' is one too many", base::printable(*next)));
  }
}

/// The innermost command that was named: "key add" is "add" below "key".
template <class App>
App* chosen_of(App& root) {
  auto* app = &root;
  while (!app->get_subcommands().empty())
    app = app->get_subcommands().front();
  return app;
}

/// "key add" of the app called "add" below "key".
std::string full_name(const CLI::App& app) {
  if (app.get_parent() == nullptr) return {};
  const auto above = full_name(*app.get_parent());
  return above.empty() ? app.get_name() : above + " " + app.get_name();
}

/// The command or option that was probably meant by the word that CLI11 stumbled over.
std::string hint_for(const std::vector<std::string>& extra, const CLI::App& app) {
  if (extra.empty()) return "see holdfast help";
  const std::string word = extra.front().substr(0, extra.front().find('='));
  std::vector<std::string> known;
  for (const auto* command : app.get_subcommands({}))
    known.push_back(command->get_name());
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames())
      known.push_back("--" + name);
  }
  const auto meant = config::nearest(word, known);
  const auto help = app.get_parent() == nullptr ? "help" : "help " + full_name(app);
  return meant.empty() ? fmt::format("see 'holdfast {}'", help)
                       : fmt::format("did you mean '{}'? See 'holdfast {}'", meant, help);
}

[[noreturn]] void fail(const CLI::ParseError& error, const CLI::App& root) {
  const auto* app = chosen_of(root);
  const auto extra = root.remaining(true);
  const bool unknown = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && !extra.empty();
  const auto message =
      unknown ? fmt::format("{} '{}' is not known",
                            !app->get_subcommands({}).empty() && !extra.front().starts_with('-')
                                ? "command"
                                : "argument",
                            base::printable(extra.front()))
              : base::printable(error.what());
  throw base::Error(base::ErrorKind::invalid_input, message).set_hint(hint_for(extra, *app));
}

/// The app that a command goes below: the root, or for "key add" the one called "key".
CLI::App& parent_for(const std::string& name, CLI::App& root) {
  const auto space = name.find(' ');
  if (space == std::string::npos) return root;
  const auto group = name.substr(0, space);
  for (auto* app : root.get_subcommands({})) {
    if (app->get_name() == group) return *app;
  }
  auto* app =
      root.add_subcommand(group, fmt::format("'holdfast help {}' lists what it does", group));
  app->get_formatter()->column_width(help_column);
  app->set_help_flag("-h,--help", "show this and end");
  app->require_subcommand(0, 1);
  app->footer(fmt::format("'holdfast help {} COMMAND' shows one with examples.", group));
  return *app;
}

void configure(CLI::App& app) {
  app.get_formatter()->column_width(help_column);
  app.set_help_flag("-h,--help", "show this and end");
  app.allow_extras(false);
}

}  // namespace

ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments,
                                     const std::vector<CommandSyntax>& commands,
                                     const Arguments& shared) {
  CLI::App root("Backs up whole sites and brings any point back.", "holdfast");
  configure(root);
  bool version = false;
  root.add_flag("--version", version, "print the version and end");
  Words words;
  add_all(root, shared, words);
  for (const auto& command : commands) {
    auto& parent = parent_for(command.name, root);
    const auto name = command.name.substr(command.name.rfind(' ') + 1);
    auto* app = parent.add_subcommand(name, command.summary);
    configure(*app);
    add_all(*app, command.arguments, words);
    add_all(*app, shared, words);
    app->footer("Examples:\n" + command.examples);
  }
  root.require_subcommand(0, 1);
  root.footer("'holdfast help COMMAND' shows a command with examples.");

  const auto line = split_at_dashes(arguments);
  ParsedCommandLine parsed;
  try {
    // CLI11 takes them from the back.
    root.parse(std::vector<std::string>(line.options.rbegin(), line.options.rend()));
  } catch (const CLI::CallForHelp&) {
    parsed.wish = ParsedCommandLine::Wish::help;
    parsed.help = chosen_of(root)->help();
    return parsed;
  } catch (const CLI::ParseError& error) {
    fail(error, root);
  }
  const auto* chosen = chosen_of(root);
  if (version) {
    parsed.wish = ParsedCommandLine::Wish::version;
  } else if (chosen == &root) {
    throw base::Error(base::ErrorKind::invalid_input, "no command was given")
        .set_hint("see 'holdfast help'");
  } else if (!chosen->get_subcommands({}).empty()) {
    throw base::Error(base::ErrorKind::invalid_input,
                      fmt::format("'{}' needs a command after it", chosen->get_name()))
        .set_hint(fmt::format("see 'holdfast help {}'", chosen->get_name()));
  } else {
    parsed.command = static_cast<std::size_t>(
        std::ranges::find(commands, full_name(*chosen), &CommandSyntax::name) - commands.begin());
    set_positionals(commands[parsed.command].arguments, std::move(words), line.rest);
  }
  return parsed;
}

}  // namespace holdfast::cli
