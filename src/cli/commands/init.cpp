#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "crypto/keys.hpp"
#include "pipeline/parity.hpp"
#include "repository/repository.hpp"

#include <fmt/format.h>

#include <optional>

namespace holdfast::cli {

namespace {

class InitCommand final : public Command {
public:
  std::string name() const override { return "init"; }
  std::string summary() const override { return "Make a new, empty, encrypted repository"; }
  std::string examples() const override {
    return "  holdfast init /backup/repo                        asks for a new passphrase\n"
           "  holdfast init --repo file:///backup/repo --passphrase-file /etc/holdfast/passphrase\n"
           "  holdfast init /backup/repo --recovery-sheet sheet.txt   keep the sheet elsewhere\n"
           "  holdfast init /media/old-disk/repo --parity 10          mends more when parts get "
           "lost\n";
  }

  void declare(Arguments& arguments) override {
    arguments.optional_positional("REPOSITORY", where_, "the same as --repo",
                                  Completes::directories);
    arguments.option("--recovery-sheet", "FILE", sheet_file_,
                     "write the recovery sheet there (only its owner may read it)",
                     Completes::files);
    arguments.option("--label", "TEXT", label_, "name of the key slot (default: owner)");
    arguments.count("--parity", parity_,
                    fmt::format("percent of parity in packs, 0 to {} (default: the "
                                "configuration's, or {})",
                                pipeline::parity_percent_max, pipeline::parity_percent_default));
    arguments.size("--passphrase-memory", memory_,
                   "memory that each try of a passphrase costs (default: 32 MiB)");
  }

  int run(Session& session) override {
    crypto::initialise();
    const auto location = where_ ? storage::parse_location(*where_) : session.location();
    repository::CreateOptions options;
    options.parity_percent = parity_percent(session, location);
    auto& store = session.create_store(location);
    if (label_) options.label = *label_;
    if (memory_) options.cost.memory_bytes = *memory_;
    const auto secret = session.passphrase(Ask::twice);
    const auto repository =
        repository::Repository::create(store, secret, options, session.repository_environment());
    // A plain path also works in the commands that the sheet prints.
    const auto place = location.scheme == "file" ? location.path : location.url();
    const auto sheet = repository::recovery_sheet(*repository, repository->slot(), place);
    if (sheet_file_) {
      const auto path = absolute_path(*sheet_file_, session.environment().working_directory);
      base::write_durably(path, base::as_bytes(sheet), 0600);
    }
    report(session.console(), *repository, location, sheet);
    return base::exit_done;
  }

  std::string after_interruption() const override {
    return "no repository was made; run init again";
  }

private:
  unsigned parity_percent(Session& session, const storage::Location& location) const {
    if (parity_ && *parity_ > pipeline::parity_percent_max) {
      throw base::Error(base::ErrorKind::invalid_input,
                        fmt::format("--parity must be at most {}", pipeline::parity_percent_max))
          .set_hint("more than that is better spent on a second copy elsewhere");
    }
    if (parity_) return *parity_;
    const auto* config = session.config();
    if (config == nullptr) return pipeline::parity_percent_default;
    const auto of_store = session.settings_of(location).parity_percent;
    if (of_store) return *of_store;
    return config->parity_percent.value_or(pipeline::parity_percent_default);
  }

  void report(Console& console, const repository::Repository& repository,
              const storage::Location& location, const std::string& sheet) const {
    console.json().field("repository", std::string_view(location.url()));
    console.json().field("id", std::string_view(repository.id().hex()));
    console.json().field("parity_percent", repository.format().parity_percent);
    console.json().field("recovery_sheet", std::string_view(sheet));
    console.line(fmt::format("Made repository {} at {}", repository.id().short_hex(),
                             base::printable(location.url())));
    if (sheet_file_) {
      console.line(
          fmt::format("The recovery sheet is in {}: print it and keep it away from this "
                      "machine.",
                      base::printable(*sheet_file_)));
    } else {
      console.line("");
      console.line(sheet);
    }
  }

  std::optional<std::string> where_;
  std::optional<std::string> sheet_file_;
  std::optional<std::string> label_;
  std::optional<std::uint32_t> parity_;
  std::optional<std::uint64_t> memory_;
};

}  // namespace

std::unique_ptr<Command> make_init_command() { return std::make_unique<InitCommand>(); }

}  // namespace holdfast::cli
