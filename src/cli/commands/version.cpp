#include "commands.hpp"
#include "repository/format_object.hpp"

#include <fmt/format.h>

namespace holdfast::cli {

namespace {

class VersionCommand final : public Command {
public:
  std::string name() const override { return "version"; }
  std::string summary() const override { return "Print the version"; }
  std::string examples() const override { return "  holdfast version\n"; }
  void declare(Arguments&) override {}

  int run(Session& session) override {
    auto& console = session.console();
    const auto& version = session.environment().version;
    console.json().field("version", std::string_view(version));
    console.json().field("format_version", repository::format_version);
    console.line(
        fmt::format("holdfast {} (repository format {})", version, repository::format_version));
    return base::exit_done;
  }
};

}  // namespace

std::unique_ptr<Command> make_version_command() { return std::make_unique<VersionCommand>(); }

}  // namespace holdfast::cli
