#pragma once

#include "cli/environment.hpp"
#include "cli/services.hpp"
#include "config/config.hpp"
#include "console.hpp"
#include "live_limits.hpp"
#include "passphrase.hpp"
#include "progress.hpp"
#include "repository/repository.hpp"
#include "storage/location.hpp"

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::cli {

/// Options that every command takes.
struct SharedOptions {
  std::optional<std::string> repository;
  std::optional<std::string> passphrase_file;
  std::optional<std::uint32_t> passphrase_fd;
  std::optional<std::string> passphrase_command;
  std::optional<std::string> key_file;
  std::optional<std::string> config;
  std::optional<std::string> cache_directory;
  policy::ByteRates rates;
  std::optional<std::string> progress;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool trust_head = false;
};

/// One run of one command: what it was given, and the repository once it is asked for.
class Session {
public:
  Session(Services& services, const Environment& environment, const SharedOptions& options,
          Console& console, std::stop_token stopping);
  ~Session();

  Services& services() { return services_; }
  const Environment& environment() const { return environment_; }
  Console& console() { return console_; }
  const std::stop_token& stopping() const { return stopping_; }
  base::ProgressObserver& progress() { return *progress_; }

  /// The configuration; null when none was named and none is in the usual places.
  const config::Config* config();
  /// The site called `name`. Errors: not_found, naming those there are.
  const config::Site& configured_site(const std::string& name);
  /// --repo, HOLDFAST_REPO, or the configuration's. Errors: invalid_input when nothing names one.
  storage::Location location();
  std::string cache_directory() const;
  /// For a copy at this URL; it remembers which records that had.
  std::string cache_of_copy(const std::string& url) const;
  repository::Environment repository_environment();
  base::Secret passphrase(Ask ask);
  /// One for a new key slot: from this file, or asked for twice.
  base::Secret new_passphrase(const std::optional<std::string>& file);
  /// Whether the repository opens without asking a person.
  bool key_is_at_hand();
  /// What the configuration says of the store at `location`; an empty one when it says nothing.
  config::Store settings_of(const storage::Location& location);
  /// The store of the repository that is named.
  storage::Backend& open_store();
  /// Any store, with what the configuration says of it.
  std::unique_ptr<storage::Backend> open_store_at(const storage::Location& location,
                                                  Services::StoreMode mode);
  /// A store for a new repository.
  storage::Backend& create_store(const storage::Location& location);
  /// Opened at the first call, with the key file or the passphrase. Records that are lost are a
  /// warning, and the run is partial; with --trust-head the loss is accepted instead. Errors:
  /// corrupt when the key file is for another owner's repositories.
  repository::Repository& repository();
  /// Another store with the same repository, opened with `key_file`, or with what opens this one.
  std::unique_ptr<repository::Repository> open_copy(storage::Backend& store,
                                                    const std::optional<std::string>& key_file);
  /// Before anything is opened: what the store lost, or all when it does not answer, may be read
  /// from the copies that the configuration lists.
  void allow_copies() { allows_copies_ = true; }
  /// For commands that only read: what the index lost is read from the packs all the same.
  repository::Repository& repository_to_read();
  /// At the end of a command: warns when the index had lost something.
  void warn_of_lost_index();

  /// All that can be read, oldest first; a record that cannot be is a warning, and the run is
  /// partial.
  const std::vector<repository::Snapshot>& snapshots();
  /// The same, with what is held noted: for who shows or forgets them.
  const std::vector<repository::Snapshot>& snapshots_with_holds();
  /// What `text` means; see repository::resolve_snapshot. An empty text is "latest". Points that a
  /// restore took for safety are found by their ids only.
  const repository::Snapshot& snapshot(const std::string& text);
  bool saw_damage() const { return saw_damage_ || saw_tampering_; }
  bool saw_tampering() const { return saw_tampering_; }

private:
  void read_config();
  /// The configuration, if who opens the store at `location` can do with it. Null: without.
  const config::Config* config_for(const storage::Location& location);
  /// Of the store at `location`; none when nothing can limit it.
  base::RateLimits limits_of(const storage::Location& location, const config::Config* config);
  PassphraseSources passphrase_sources();
  /// Where the key file is; nothing when a passphrase is to open the repository.
  std::optional<std::string> key_file();
  void look_for_tampering();
  std::unique_ptr<storage::Backend> open_any_place();

  Services& services_;
  const Environment& environment_;
  const SharedOptions& options_;
  Console& console_;
  const std::stop_token stopping_;
  std::unique_ptr<ProgressDisplay> progress_;
  bool config_read_ = false;
  bool told_unreadable_ = false;
  std::optional<config::Config> config_;
  std::unique_ptr<LiveLimits> limits_;                     // before the stores, which use it
  std::vector<std::unique_ptr<storage::Backend>> places_;  // that store_ borrows
  std::unique_ptr<storage::Backend> store_;
  bool allows_copies_ = false;
  bool reads_copy_ = false;  // in place of the repository
  std::unique_ptr<repository::Repository> repository_;
  std::optional<std::vector<repository::Snapshot>> snapshots_;
  std::vector<repository::Snapshot> ordinary_;  // without safety points
  bool holds_noted_ = false;
  bool saw_damage_ = false;
  bool saw_tampering_ = false;
};

/// The options as the parser takes them.
class Arguments;
void declare_shared(Arguments& arguments, SharedOptions& options);

}  // namespace holdfast::cli
