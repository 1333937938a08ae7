// Escrow: key split, key join, key rehearse.

#include "arguments.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "key_files.hpp"
#include "key_report.hpp"
#include "repository/key_ring.hpp"

#include <fmt/format.h>

#include <optional>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

class KeySplitCommand final : public Command {
public:
  std::string name() const override { return "key split"; }
  std::string summary() const override { return "Split an owner's key into shares"; }
  std::string examples() const override {
    return "  holdfast key split --shares 5 --threshold 3 --to shares   any 3 of 5 open it\n";
  }
  void declare(Arguments& arguments) override {
    arguments.count("--shares", shares_, "how many to make (2 to 255)");
    arguments.count("--threshold", threshold_, "how many of them open the repository");
    arguments.option("--to", "DIR", directory_, "where to write them, a file each",
                     Completes::directories);
    arguments.option("--label", "TEXT", label_, "for 'key list'");
  }

  int run(Session& session) override {
    if (!shares_ || !threshold_ || !directory_) {
      throw Error(ErrorKind::invalid_input, "--shares, --threshold and --to are all needed");
    }
    auto& repository = session.repository();
    repository.keys().require(repository::Ability::issue_keys);
    const auto directory = absolute_path(*directory_, session.environment().working_directory);
    base::make_directories(directory, 0700);
    const auto split =
        repository::split_key(repository, *shares_, *threshold_, label_.value_or(""));
    auto& console = session.console();
    write_slot_fields(console.json(), split.slot);
    console.json().key("files").begin_array();
    for (const auto& share : split.shares) {
      const auto path =
          fmt::format("{}/share-{}-{}.txt", directory, split.slot.id, unsigned{share.share.index});
      write_secret_file(path,
                        repository::format_share(share, *shares_, repository.id().short_hex()));
      console.json().value(std::string_view(path));
      console.line(base::printable(path));
    }
    console.json().end_array();
    console.line(
        fmt::format("Any {} of these {} files open the repository. Give each to another "
                    "person, delete them here, and rehearse once a year.",
                    *threshold_, *shares_));
    return base::exit_done;
  }
  std::string after_interruption() const override {
    return "a key may have been added that too few shares open: see key list, and remove it";
  }

private:
  std::optional<std::uint32_t> shares_, threshold_;
  std::optional<std::string> directory_, label_;
};

class KeyJoinCommand final : public Command {
public:
  std::string name() const override { return "key join"; }
  std::string summary() const override { return "Make a new owner's passphrase from shares"; }
  std::string examples() const override {
    return "  holdfast key join share-1.txt share-2.txt share-5.txt   asks for the passphrase\n";
  }
  void declare(Arguments& arguments) override {
    arguments.positionals("FILE", files_, "the shares", Completes::files);
    arguments.option("--new-passphrase-file", "FILE", passphrase_file_,
                     "the passphrase of the new key is there", Completes::files);
    arguments.option("--label", "TEXT", label_, "of the new key, for 'key list'");
    arguments.size("--passphrase-memory", memory_,
                   "memory that each try of a passphrase costs (default: 32 MiB)");
  }

  int run(Session& session) override {
    auto& store = session.open_store();
    const auto pair = repository::join_key(store, read_share_files(files_));
    const auto secret = session.new_passphrase(passphrase_file_);
    const auto repository =
        repository::Repository::open(store, pair, session.repository_environment());
    const auto info = repository::add_slot(*repository, repository::Role::owner,
                                           repository::PassphraseLock{secret, cost_with(memory_)},
                                           label_.value_or("from shares"));
    auto& console = session.console();
    write_slot_fields(console.json(), info);
    console.line(fmt::format("Made key {}: its passphrase opens the repository as owner", info.id));
    return base::exit_done;
  }

private:
  std::vector<std::string> files_;
  std::optional<std::string> passphrase_file_, label_;
  std::optional<std::uint64_t> memory_;
};

class KeyRehearseCommand final : public Command {
public:
  std::string name() const override { return "key rehearse"; }
  std::string summary() const override { return "Prove that shares rebuild the key"; }
  std::string examples() const override {
    return "  holdfast key rehearse share-1.txt share-2.txt share-5.txt   shows nothing of it\n";
  }
  void declare(Arguments& arguments) override {
    arguments.positionals("FILE", files_, "the shares", Completes::files);
  }

  int run(Session& session) override {
    auto& store = session.open_store();
    const auto info = repository::rehearse(store, read_share_files(files_));
    auto& console = session.console();
    write_slot_fields(console.json(), info);
    console.line(console.green(
        fmt::format("These {} shares rebuild the key of slot {}, which opens the repository as {}",
                    files_.size(), info.id, name_of(info.role()))));
    return base::exit_done;
  }

private:
  std::vector<std::string> files_;
};

}  // namespace

std::unique_ptr<Command> make_key_split_command() { return std::make_unique<KeySplitCommand>(); }
std::unique_ptr<Command> make_key_join_command() { return std::make_unique<KeyJoinCommand>(); }
std::unique_ptr<Command> make_key_rehearse_command() {
  return std::make_unique<KeyRehearseCommand>();
}

}  // namespace holdfast::cli
