// Keys on paper and in files: key generate, key export; and key rotate.

#include "arguments.hpp"
#include "base/error.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "crypto/keys.hpp"
#include "key_files.hpp"
#include "key_report.hpp"
#include "prune_run.hpp"
#include "repository/key_ring.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

class KeyGenerateCommand final : public Command {
public:
  std::string name() const override { return "key generate"; }
  std::string summary() const override { return "Make a key file and print its public key"; }
  std::string examples() const override {
    return "  holdfast key generate /etc/holdfast/key   then the owner: key add --recipient ...\n";
  }
  void declare(Arguments& arguments) override {
    arguments.positional("FILE", path_, "must not exist; only you may read it", Completes::files);
  }

  int run(Session& session) override {
    crypto::initialise();
    const repository::KeyFile file{crypto::make_box_key_pair(session.services().random()), {}};
    write_secret_file(absolute_path(path_, session.environment().working_directory),
                      repository::format_key_file(file));
    const auto text = repository::public_key_text(file.pair.public_key);
    session.console().json().field("public_key", std::string_view(text));
    session.console().line(text);
    return base::exit_done;
  }

private:
  std::string path_;
};

class KeyExportCommand final : public Command {
public:
  std::string name() const override { return "key export"; }
  std::string summary() const override { return "Print a recovery sheet to keep away from here"; }
  std::string examples() const override {
    return "  holdfast key export                     of the key that is used\n"
           "  holdfast key export --to sheet.txt 3f9a12bc0d417e55   of another one\n";
  }
  void declare(Arguments& arguments) override {
    arguments.optional_positional("ID", id_, "of 'key list'", Completes::nothing);
    arguments.option("--to", "FILE", file_, "write it there (only its owner may read it)",
                     Completes::files);
  }

  int run(Session& session) override {
    auto& repository = session.repository();
    const auto location = session.location();
    const auto slot = id_ ? find(repository) : repository.slot();
    const auto sheet = repository::recovery_sheet(
        repository, slot, location.scheme == "file" ? location.path : location.url());
    auto& console = session.console();
    write_slot_fields(console.json(), slot);
    console.json().field("recovery_sheet", std::string_view(sheet));
    if (!file_) {
      console.line(sheet);
      return base::exit_done;
    }
    write_secret_file(absolute_path(*file_, session.environment().working_directory),
                      base::Secret(base::as_bytes(sheet)));
    console.line(fmt::format("The recovery sheet is in {}", base::printable(*file_)));
    return base::exit_done;
  }

private:
  repository::SlotInfo find(repository::Repository& repository) const {
    for (const auto& slot : repository::list_slots(repository)) {
      if (slot.damage.empty() && slot.info.id == *id_) return slot.info;
    }
    throw Error(ErrorKind::not_found,
                fmt::format("there is no whole key slot {}", base::printable(*id_)))
        .set_hint("'holdfast key list' shows them");
  }

  std::optional<std::string> id_, file_;
};

class KeyRotateCommand final : public Command {
public:
  std::string name() const override { return "key rotate"; }
  std::string summary() const override { return "Seal what is backed up from now on to a new key"; }
  std::string examples() const override {
    return "  holdfast key rotate                 all who may read get the new key\n"
           "  holdfast key rotate --re-encrypt    then what is there, too; may be interrupted\n";
  }
  void declare(Arguments& arguments) override {
    arguments.flag("--re-encrypt", reencrypt_,
                   "begin no epoch, but write what is sealed to older ones under the newest");
    arguments.flag("-y,--yes", yes_, "do not ask");
    prune_.declare(arguments);
  }

  int run(Session& session) override {
    auto& repository = session.repository();
    if (reencrypt_) {
      repository.keys().require(repository::Ability::issue_keys);
      prune_.reencrypt();
      return prune_.run(session, false, yes_);
    }
    report_rotation(session.console(), repository::rotate_epoch(repository));
    return base::exit_done;
  }
  std::string after_interruption() const override {
    return reencrypt_ ? "what was written anew stays so; run it again for the rest"
                      : "either the new epoch began or it did not: see key list";
  }

private:
  bool reencrypt_ = false;
  bool yes_ = false;
  PruneRun prune_;
};

}  // namespace

std::unique_ptr<Command> make_key_generate_command() {
  return std::make_unique<KeyGenerateCommand>();
}
std::unique_ptr<Command> make_key_export_command() { return std::make_unique<KeyExportCommand>(); }
std::unique_ptr<Command> make_key_rotate_command() { return std::make_unique<KeyRotateCommand>(); }

}  // namespace holdfast::cli
