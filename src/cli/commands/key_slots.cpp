// Who has keys: key add, key list, key remove, key passwd.

#include "arguments.hpp"
#include "base/error.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "key_files.hpp"
#include "key_report.hpp"
#include "repository/key_ring.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <optional>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

class KeyAddCommand final : public Command {
public:
  std::string name() const override { return "key add"; }
  std::string summary() const override { return "Give somebody a key with a role"; }
  std::string examples() const override {
    return "  holdfast key add --role writer --label web1 --generate web1.key\n"
           "  holdfast key add --role reader --recipient hfpub-9d0c...   of 'key generate'\n"
           "  holdfast key add --role owner --label spare   asks for its passphrase\n";
  }

  void declare(Arguments& arguments) override {
    arguments.option("--role", "ROLE", role_, "owner, writer, reader, maintainer or auditor");
    arguments.option("--label", "TEXT", label_, "whose it is, for 'key list'");
    arguments.option("--new-passphrase-file", "FILE", passphrase_file_,
                     "the passphrase that opens it is there", Completes::files);
    arguments.option("--recipient", "KEY", recipient_, "public key of whoever opens it");
    arguments.option("--generate", "FILE", key_file_, "make a key file that opens it",
                     Completes::files);
    arguments.size("--passphrase-memory", memory_,
                   "memory that each try of a passphrase costs (default: 32 MiB)");
  }

  int run(Session& session) override {
    if (passphrase_file_.has_value() + recipient_.has_value() + key_file_.has_value() > 1) {
      throw Error(ErrorKind::invalid_input,
                  "--new-passphrase-file, --recipient and --generate exclude each other");
    }
    if (!role_) {
      throw Error(ErrorKind::invalid_input, "--role is missing")
          .set_hint("owner, writer, reader, maintainer or auditor: docs/roles.md");
    }
    const auto role = repository::role_named(*role_);
    auto& repository = session.repository();
    repository.keys().require(repository::Ability::issue_keys);
    const auto info = add(session, repository, role);
    auto& console = session.console();
    write_slot_fields(console.json(), info);
    console.line(fmt::format("Added key {}: {}, opened by {}", info.id, name_of(info.role()),
                             opener_of(info)));
    if (!key_file_) return base::exit_done;
    console.json().field("key_file", std::string_view(*key_file_));
    console.line(fmt::format("{} opens it: move it to its machine; nobody else may read it.",
                             base::printable(*key_file_)));
    return base::exit_done;
  }

private:
  repository::SlotInfo add(Session& session, repository::Repository& repository,
                           repository::Role role) const {
    const auto label = label_.value_or("");
    if (recipient_) {
      const repository::RecipientLock lock{repository::parse_public_key(*recipient_)};
      return repository::add_slot(repository, role, lock, label);
    }
    if (key_file_) {
      // The file first: a slot without it would be of no use to anybody.
      const repository::KeyFile file{crypto::make_box_key_pair(session.services().random()),
                                     repository.keys().owner_signing_key};
      write_secret_file(absolute_path(*key_file_, session.environment().working_directory),
                        repository::format_key_file(file));
      return repository::add_slot(repository, role, repository::RecipientLock{file.pair.public_key},
                                  label);
    }
    const auto secret = session.new_passphrase(passphrase_file_);
    return repository::add_slot(repository, role,
                                repository::PassphraseLock{secret, cost_with(memory_)}, label);
  }

  std::optional<std::string> role_, label_, passphrase_file_, recipient_, key_file_;
  std::optional<std::uint64_t> memory_;
};

class KeyListCommand final : public Command {
public:
  std::string name() const override { return "key list"; }
  std::string summary() const override { return "Show who has keys"; }
  std::string examples() const override { return "  holdfast key list\n"; }
  void declare(Arguments&) override {}

  int run(Session& session) override {
    auto& repository = session.repository();
    const auto slots = repository::list_slots(repository);
    auto& console = session.console();
    auto& json = console.json();
    json.field("epoch", std::uint64_t{repository.keys().newest_epoch().number});
    json.key("slots").begin_array();
    using enum Table::Align;
    Table table({left, left, left, left, left});
    table.add({"ID", "ROLE", "OPENED BY", "CREATED", "LABEL"});
    bool damaged = false;
    for (const auto& slot : slots) {
      const bool own = slot.info.id == repository.slot().id;
      damaged |= !slot.damage.empty();
      json.begin_object();
      write_slot_fields(json, slot.info);
      json.field("certified", slot.certified).field("own", own);
      json.field("damage", std::string_view(slot.damage)).end_object();
      table.add(row_of(slot, own));
    }
    json.end_array();
    for (const auto& line : table.lines())
      console.line(line);
    console.line(fmt::format("What is backed up now is sealed to epoch {}.",
                             repository.keys().newest_epoch().number));
    return damaged ? base::exit_partial : base::exit_done;
  }

private:
  static std::vector<std::string> row_of(const repository::ListedSlot& slot, bool own) {
    const auto& info = slot.info;
    if (!slot.damage.empty()) return {info.id, "?", "", "", "damaged: " + slot.damage};
    auto label = base::printable(info.label);
    if (!slot.certified) label += " (NOT MADE BY THE OWNER: remove it)";
    if (own) label += label.empty() ? "(this one)" : " (this one)";
    return {info.id, std::string(name_of(info.role())), opener_of(info),
            local_time({info.created_seconds, 0}), label};
  }
};

class KeyRemoveCommand final : public Command {
public:
  std::string name() const override { return "key remove"; }
  std::string summary() const override { return "Take a key away, and begin a new epoch"; }
  std::string examples() const override {
    return "  holdfast key remove 3f9a12bc0d417e55   an id of 'key list', or its beginning\n";
  }
  void declare(Arguments& arguments) override {
    arguments.positional("ID", id_, "of 'key list'", Completes::nothing);
  }

  int run(Session& session) override {
    auto& console = session.console();
    const auto removal = repository::remove_slot(session.repository(), id_);
    write_slot_fields(console.json(), removal.removed);
    console.line(fmt::format("Removed key {}", removal.removed.id));
    if (removal.rotation) {
      report_rotation(console, *removal.rotation);
      console.line("What its holder could read before, and kept, stays readable to them.");
    }
    return base::exit_done;
  }
  std::string after_interruption() const override {
    return "the key may still be there; run key remove again";
  }

private:
  std::string id_;
};

class KeyPasswdCommand final : public Command {
public:
  std::string name() const override { return "key passwd"; }
  std::string summary() const override { return "Change the passphrase of your own key"; }
  std::string examples() const override {
    return "  holdfast key passwd                            asks for the old and the new one\n"
           "  holdfast key passwd --new-passphrase-file new   without a terminal\n";
  }
  void declare(Arguments& arguments) override {
    arguments.option("--new-passphrase-file", "FILE", passphrase_file_, "the new one is there",
                     Completes::files);
    arguments.size("--passphrase-memory", memory_,
                   "memory that each try of a passphrase costs (default: 32 MiB)");
  }

  int run(Session& session) override {
    auto& repository = session.repository();
    const auto secret = session.new_passphrase(passphrase_file_);
    const auto info = repository::change_passphrase(
        repository, repository::PassphraseLock{secret, cost_with(memory_)});
    auto& console = session.console();
    write_slot_fields(console.json(), info);
    console.line(fmt::format("The passphrase was changed; the key is {} now", info.id));
    console.line("Recovery sheets of before need the old one: print a new one with key export.");
    return base::exit_done;
  }
  std::string after_interruption() const override {
    return "the old passphrase may still open the repository; run key passwd again";
  }

private:
  std::optional<std::string> passphrase_file_;
  std::optional<std::uint64_t> memory_;
};

}  // namespace

std::unique_ptr<Command> make_key_add_command() { return std::make_unique<KeyAddCommand>(); }
std::unique_ptr<Command> make_key_list_command() { return std::make_unique<KeyListCommand>(); }
std::unique_ptr<Command> make_key_remove_command() { return std::make_unique<KeyRemoveCommand>(); }
std::unique_ptr<Command> make_key_passwd_command() { return std::make_unique<KeyPasswdCommand>(); }

}  // namespace holdfast::cli
