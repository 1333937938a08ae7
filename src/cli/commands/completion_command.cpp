#include "base/error.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "completion.hpp"

#include <fmt/format.h>

#include <set>

namespace holdfast::cli {

namespace {

class CompletionCommand final : public Command {
public:
  std::string name() const override { return "completion"; }
  std::string summary() const override { return "Print the completion script of a shell"; }
  std::string examples() const override {
    return "  source <(holdfast completion bash)\n"
           "  holdfast completion zsh > ~/.zfunc/_holdfast\n"
           "  holdfast completion fish > ~/.config/fish/completions/holdfast.fish\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positional("SHELL", what_,
                         "bash, zsh or fish; or sites or snapshots, which the scripts ask for",
                         Completes::nothing);
  }

  int run(Session& session) override {
    auto& console = session.console();
    if (what_ == "sites") {
      list_sites(session);
    } else if (what_ == "snapshots") {
      list_snapshots(session);
    } else {
      const auto script = make_script();
      console.json().field("script", std::string_view(script));
      if (!console.json_wanted()) console.raw(base::as_bytes(script));
    }
    return base::exit_done;
  }

private:
  std::string make_script() const {
    Shell shell = Shell::bash;
    if (what_ == "zsh") {
      shell = Shell::zsh;
    } else if (what_ == "fish") {
      shell = Shell::fish;
    } else if (what_ != "bash") {
      throw base::Error(base::ErrorKind::invalid_input,
                        fmt::format("there is no completion for '{}'", base::printable(what_)))
          .set_hint("use bash, zsh or fish");
    }
    SharedOptions unused;
    Arguments shared;
    declare_shared(shared, unused);
    const auto commands = make_commands();
    return completion_script(shell, syntax_of(commands), shared);
  }

  static void list(Console& console, const char* name, const std::set<std::string>& words) {
    console.json().key(name).begin_array();
    for (const auto& word : words) {
      console.json().value(std::string_view(word));
      console.line(word);
    }
    console.json().end_array();
  }

  static void list_sites(Session& session) {
    std::set<std::string> names;
    if (session.config() != nullptr) {
      for (const auto& site : session.config()->sites)
        names.insert(site.name);
    }
    list(session.console(), "sites", names);
  }

  /// A key press must not ask for a passphrase.
  static void list_snapshots(Session& session) {
    std::set<std::string> ids;
    if (session.key_is_at_hand()) {
      for (const auto& snapshot : session.snapshots())
        ids.insert(snapshot.id.short_hex());
    }
    list(session.console(), "snapshots", ids);
  }

  std::string what_;
};

}  // namespace

std::unique_ptr<Command> make_completion_command() { return std::make_unique<CompletionCommand>(); }

}  // namespace holdfast::cli
