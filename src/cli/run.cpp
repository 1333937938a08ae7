#include "cli/run.hpp"

#include "arguments.hpp"
#include "base/error.hpp"
#include "commands/commands.hpp"
#include "console.hpp"
#include "session.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <exception>

namespace holdfast::cli {

namespace {

/// "help backup" means "backup --help"; "help" alone, and nothing at all, mean "--help".
std::vector<std::string> without_help_command(std::vector<std::string> arguments) {
  if (arguments.empty()) return {"--help"};
  if (arguments.front() != "help") return arguments;
  arguments.erase(arguments.begin());
  arguments.push_back("--help");
  return arguments;
}

/// Before the command line is understood, only its words tell what the caller can read.
bool asks_for_json(const std::vector<std::string>& arguments) {
  const auto end = std::ranges::find(arguments, "--");
  return std::find(arguments.begin(), end, "--json") != end;
}

/// Does `work` and turns whatever it throws into words and an exit code.
template <class Work>
int report_failures(Console& console, const Command* command, Work work) {
  try {
    return work();
  } catch (const base::Cancelled&) {
    const auto next = command == nullptr ? "" : command->after_interruption();
    console.fail({"interrupted", "interrupted: " + next, "", base::exit_interrupted, ""});
    return base::exit_interrupted;
  } catch (const base::Error& error) {
    const auto failure = failure_of(error);
    console.fail(failure);
    return failure.exit_code;
  } catch (const OutputClosed&) {
    return exit_output_closed;
  } catch (const std::bad_alloc&) {
    console.fail({"internal", "out of memory", "", base::exit_internal, ""});
    return base::exit_internal;
  } catch (const std::exception& error) {
    console.fail({"internal", fmt::format("internal error: {}", error.what()),
                  "please report this, with the command line", base::exit_internal, ""});
    return base::exit_internal;
  }
}

/// The last output may fail as well, and then has a code of its own.
int finish(Console& console, int exit_code) {
  if (exit_code == exit_output_closed) return exit_code;
  ConsoleOptions plain;
  Console last_words(plain, "");
  return report_failures(last_words, nullptr, [&] {
    console.finish(exit_code);
    return exit_code;
  });
}

int print_help(const std::string& text) {
  Console console({}, "help");
  return report_failures(console, nullptr, [&] {
    console.raw(base::as_bytes(text));
    return base::exit_done;
  });
}

}  // namespace

int run(const std::vector<std::string>& arguments, Services& services,
        const Environment& environment, const std::stop_token& stopping) {
  const auto words = without_help_command(arguments);
  const auto commands = make_commands();
  SharedOptions options;
  Arguments shared;
  declare_shared(shared, options);
  const auto syntax = syntax_of(commands);

  ParsedCommandLine parsed;
  Console early({.json = asks_for_json(words)}, "");
  const int understood = report_failures(early, nullptr, [&] {
    parsed = parse_command_line(words, syntax, shared);
    return base::exit_done;
  });
  if (understood != base::exit_done) return finish(early, understood);
  if (parsed.wish == ParsedCommandLine::Wish::help) return print_help(parsed.help);

  const auto is_version = [](const auto& candidate) { return candidate->name() == "version"; };
  auto& command = parsed.wish == ParsedCommandLine::Wish::version
                      ? **std::ranges::find_if(commands, is_version)
                      : *commands[parsed.command];
  ConsoleOptions console_options;
  console_options.json = options.json;
  console_options.quiet = options.quiet;
  console_options.verbose = options.verbose;
  console_options.colours = environment.colours_allowed && ::isatty(STDOUT_FILENO) == 1;
  Console console(console_options, command.name());
  const int exit_code = report_failures(console, &command, [&] {
    Session session(services, environment, options, console, stopping);
    if (command.only_reads()) session.allow_copies();
    const int result = command.run(session);
    session.warn_of_lost_index();
    return result;
  });
  return finish(console, exit_code);
}

}  // namespace holdfast::cli
