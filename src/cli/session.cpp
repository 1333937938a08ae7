#include "session.hpp"

#include "arguments.hpp"
#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/units.hpp"
#include "config/load.hpp"
#include "config/nearest.hpp"
#include "copy_targets.hpp"
#include "crypto/blake3.hpp"
#include "crypto/keys.hpp"
#include "key_files.hpp"
#include "repository/elsewhere.hpp"
#include "repository/holds.hpp"
#include "repository/stored_objects.hpp"
#include "storage/wrappers/wrappers.hpp"
#include "text.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <sys/stat.h>
#include <utility>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* config_name = "holdfast.yaml";
constexpr const char* system_config = "/etc/holdfast/holdfast.yaml";

ProgressStyle style_of(const SharedOptions& options) {
  const auto wanted = options.progress.value_or("auto");
  if (wanted == "json") return ProgressStyle::json;
  if (wanted == "none" || (wanted == "auto" && options.quiet)) return ProgressStyle::none;
  if (wanted == "line") return ProgressStyle::line;
  if (wanted != "auto") {
    throw Error(ErrorKind::invalid_input,
                fmt::format("--progress: '{}' is not known", base::printable(wanted)))
        .set_hint("use auto, line, json or none");
  }
  return ::isatty(STDERR_FILENO) == 1 ? ProgressStyle::line : ProgressStyle::none;
}

std::vector<std::string> names_of(const std::vector<config::Site>& sites) {
  std::vector<std::string> names;
  names.reserve(sites.size());
  for (const auto& site : sites)
    names.push_back(site.name);
  return names;
}

/// A file that nobody named. A configuration can name commands to run, so one that somebody else
/// put into the folder we happen to stand in is not believed. Errors: access_denied, with a hint.
base::Bytes read_own_file(const std::string& path) {
  const auto file = base::open_file(path, O_RDONLY);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) {
    throw base::system_error(errno, fmt::format("looking at {}", base::printable(path)));
  }
  const bool is_own = status.st_uid == ::geteuid() || status.st_uid == 0;
  if (!is_own || (status.st_mode & S_IWOTH) != 0) {
    throw Error(ErrorKind::access_denied,
                fmt::format("{} {}, so it is not read by itself", base::printable(path),
                            is_own ? "can be written by everybody" : "belongs to another user"))
        .set_hint("name it with --config if you trust it");
  }
  base::Bytes bytes(config::config_size_max + 1);
  bytes.resize(base::read_at(file.get(), 0, bytes, path));
  if (bytes.size() > config::config_size_max) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("{} is too large for a configuration", base::printable(path)));
  }
  return bytes;
}

config::Config load_own_config(const std::string& path) {
  return config::require_config(base::as_text(read_own_file(path)), path);
}

constexpr std::size_t lost_shown = 5;

}  // namespace

void declare_shared(Arguments& arguments, SharedOptions& options) {
  arguments.group("Repository");
  arguments.option(
      "-r,--repo", "URL", options.repository,
      "where it is: a path, sftp://user@host/path, s3://, oss:// or cos://bucket/prefix, "
      "webdavs://user@host/path, ftps://user@host/path or https://host/repository",
      Completes::directories);
  arguments.option("--passphrase-file", "FILE", options.passphrase_file,
                   "file that holds the passphrase", Completes::files);
  arguments.count("--passphrase-fd", options.passphrase_fd, "open file descriptor to read it from");
  arguments.option("--passphrase-command", "CMD", options.passphrase_command,
                   "command that prints it; started without a shell");
  arguments.option("--key-file", "FILE", options.key_file,
                   "key file that opens the repository, instead of a passphrase", Completes::files);
  arguments.option("--config", "FILE", options.config, "instead of ./holdfast.yaml",
                   Completes::files);
  arguments.option("--cache-dir", "DIR", options.cache_directory, "where this machine caches",
                   Completes::directories);
  arguments.rate("--limit-upload", options.rates.up,
                 "bytes a second to all stores together: 5MiB, or none");
  arguments.rate("--limit-download", options.rates.down, "likewise from all stores");
  arguments.flag("--trust-head", options.trust_head,
                 "accept that records which this machine saw are lost, and record it");
  arguments.group("Output");
  arguments.flag("--json", options.json, "the result as one JSON object (docs/json.md)");
  arguments.option("--progress", "STYLE", options.progress, "auto, line, json or none");
  arguments.flag("-q,--quiet", options.quiet, "no progress and no notes");
  arguments.flag("-v,--verbose", options.verbose, "details of snapshots, and where an error arose");
  arguments.group("");
}

Session::Session(Services& services, const Environment& environment, const SharedOptions& options,
                 Console& console, std::stop_token stopping)
    : services_(services),
      environment_(environment),
      options_(options),
      console_(console),
      stopping_(std::move(stopping)),
      progress_(std::make_unique<ProgressDisplay>(console, services.clock(), style_of(options))) {}

Session::~Session() = default;

void Session::read_config() {
  const auto& directory = environment_.working_directory;
  const auto& named = options_.config ? options_.config : environment_.config;
  if (named) {
    config_ = config::load_config(absolute_path(*named, directory));
    return;
  }
  for (const auto& path : {directory + "/" + config_name, std::string(system_config)}) {
    if (::access(path.c_str(), F_OK) != 0) continue;
    config_ = load_own_config(path);
    return;
  }
}

const config::Config* Session::config() {
  if (!config_read_) {
    read_config();
    config_read_ = true;
  }
  return config_ ? &*config_ : nullptr;
}

const config::Site& Session::configured_site(const std::string& name) {
  if (config() == nullptr) {
    throw Error(ErrorKind::not_found,
                fmt::format("there is no site {}: no configuration was found", name))
        .set_hint("write holdfast.yaml (docs/configuration.md), or name it with --config");
  }
  if (const auto* site = config()->find_site(name)) return *site;
  const auto names = names_of(config()->sites);
  const auto meant = config::nearest(name, names);
  throw Error(ErrorKind::not_found,
              fmt::format("{} has no site {}", config()->path, base::printable(name)))
      .set_hint(meant.empty() ? fmt::format("sites: {}", fmt::join(names, ", "))
                              : fmt::format("did you mean {}?", meant));
}

storage::Location Session::location() {
  if (options_.repository) return storage::parse_location(*options_.repository);
  if (environment_.repository) return storage::parse_location(*environment_.repository);
  if (config() != nullptr && config()->repository) {
    return storage::parse_location(*config()->repository);
  }
  throw Error(ErrorKind::invalid_input, "no repository was named")
      .set_hint("use --repo, set HOLDFAST_REPO, or write 'repository:' into holdfast.yaml");
}

std::string Session::cache_directory() const {
  const auto& directory = environment_.working_directory;
  if (options_.cache_directory) return absolute_path(*options_.cache_directory, directory);
  if (environment_.cache_directory) return absolute_path(*environment_.cache_directory, directory);
  if (environment_.xdg_cache_home) return *environment_.xdg_cache_home + "/holdfast";
  if (environment_.home) return *environment_.home + "/.cache/holdfast";
  if (environment_.is_root) return "/var/cache/holdfast";
  throw Error(ErrorKind::invalid_input, "nothing says where to cache: HOME is not set")
      .set_hint("use --cache-dir or set HOLDFAST_CACHE_DIR");
}

std::string Session::cache_of_copy(const std::string& url) const {
  return cache_directory() + "/copies/" + crypto::blake3(base::as_bytes(url)).hex().substr(0, 16);
}

repository::Environment Session::repository_environment() {
  const auto directory = reads_copy_ ? cache_of_copy(store_->describe()) : cache_directory();
  base::with_context([&] { return fmt::format("making the cache {}", base::printable(directory)); },
                     [&] { base::make_directories(directory, 0700); });
  return {services_.clock(), services_.random(), directory};
}

PassphraseSources Session::passphrase_sources() {
  PassphraseSources sources;
  sources.file = options_.passphrase_file;
  sources.fd = options_.passphrase_fd;
  sources.command = options_.passphrase_command;
  sources.environment = environment_.passphrase_file;
  const bool given = sources.file || sources.fd || sources.command || sources.environment;
  if (!given && config() != nullptr) {
    sources.config_file = config()->passphrase_file;
    sources.config_command = config()->passphrase_command;
  }
  return sources;
}

base::Secret Session::passphrase(Ask ask) {
  return read_passphrase(passphrase_sources(), ask, services_, console_, stopping_);
}

base::Secret Session::new_passphrase(const std::optional<std::string>& file) {
  PassphraseSources sources;
  sources.file = file;
  return read_passphrase(sources, Ask::twice, services_, console_, stopping_);
}

std::optional<std::string> Session::key_file() {
  const bool passphrase =
      options_.passphrase_file || options_.passphrase_fd || options_.passphrase_command;
  if (options_.key_file && passphrase) {
    throw Error(ErrorKind::invalid_input, "a key file and a passphrase exclude each other");
  }
  if (passphrase) return std::nullopt;
  const auto& named = options_.key_file ? options_.key_file : environment_.key_file;
  if (named) return absolute_path(*named, environment_.working_directory);
  if (environment_.passphrase_file || config() == nullptr) return std::nullopt;
  return config()->key_file;
}

bool Session::key_is_at_hand() {
  if (key_file()) return true;
  const auto sources = passphrase_sources();
  return sources.file || sources.fd || sources.command || sources.environment ||
         sources.config_file || !sources.config_command.empty();
}

config::Store Session::settings_of(const storage::Location& location) {
  const auto* const store = config() == nullptr ? nullptr : store_at(*config(), location);
  return store == nullptr ? config::Store{} : *store;
}

const config::Config* Session::config_for(const storage::Location& location) {
  try {
    return config();
  } catch (const Error& error) {
    // These need nothing of it, and work also where it cannot be read.
    if (location.scheme != "file" && location.scheme != "sftp") throw;
    if (!std::exchange(told_unreadable_, true)) {
      console_.warn(fmt::format("no limit of bandwidth holds: {}", error.what()));
    }
    return nullptr;
  }
}

base::RateLimits Session::limits_of(const storage::Location& location,
                                    const config::Config* config) {
  if (!limits_) {
    if (config == nullptr && options_.rates == policy::ByteRates{}) return {};
    const bool is_named = options_.config || environment_.config;
    const auto read_again = [is_named, path = config == nullptr ? "" : config->path] {
      return is_named ? config::load_config(path) : load_own_config(path);
    };
    limits_ = std::make_unique<LiveLimits>(
        LiveLimits::Surroundings{services_.clock(), read_again,
                                 [this](const std::string& text) { console_.note(text); },
                                 [this](const std::string& text) { console_.warn(text); }},
        options_.rates, config);
  }
  return limits_->of(location);
}

std::unique_ptr<storage::Backend> Session::open_store_at(const storage::Location& location,
                                                         Services::StoreMode mode) {
  const auto* const config = config_for(location);
  const auto* const settings = config == nullptr ? nullptr : store_at(*config, location);
  return services_.open_store(location, mode, settings == nullptr ? config::Store{} : *settings,
                              limits_of(location, config));
}

storage::Backend& Session::create_store(const storage::Location& location) {
  store_ = open_store_at(location, Services::StoreMode::create);
  return *store_;
}

storage::Backend& Session::open_store() {
  crypto::initialise();
  if (store_) return *store_;
  store_ =
      allows_copies_ ? open_any_place() : open_store_at(location(), Services::StoreMode::existing);
  return *store_;
}

/// The repository's store with the copies behind it; where that cannot be opened, the nearest copy.
std::unique_ptr<storage::Backend> Session::open_any_place() {
  auto targets = configured_copies(*this);
  try {
    places_.push_back(open_store_at(location(), Services::StoreMode::existing));
  } catch (const Error& error) {
    const bool gone = error.kind() == ErrorKind::not_found || error.kind() == ErrorKind::io ||
                      error.kind() == ErrorKind::unavailable;
    auto nearest = gone ? open_nearest_copy(*this, targets) : std::nullopt;
    if (!nearest) throw;
    console_.warn(fmt::format("{}: reading from its copy {}", error.what(), nearest->target.name));
    std::erase_if(targets, [&](const auto& target) { return target.url == nearest->target.url; });
    places_.push_back(std::move(nearest->store));
    reads_copy_ = true;
  }
  std::vector<storage::Fallback> fallbacks;
  fallbacks.reserve(targets.size());
  for (auto& target : targets) {
    fallbacks.push_back(
        {target.name, [this, target] { return open_copy_store(*this, target, false); }});
  }
  return storage::with_fallbacks(
      *places_.back(), std::move(fallbacks),
      [this](const std::string& text) { console_.warn(text); },
      [&inner = *places_.back()](const std::string& name) {
        const auto pack = repository::pack_of_object(name);
        return pack && repository::is_away(inner, *pack);
      });
}

repository::Repository& Session::repository() {
  if (repository_) return *repository_;
  auto& store = open_store();
  const auto path = key_file();
  if (!path) {
    const auto secret = passphrase(Ask::once);
    repository_ = repository::Repository::open(store, secret, repository_environment());
    look_for_tampering();
    return *repository_;
  }
  const auto file = read_key_file(*path);
  auto opened = repository::Repository::open(store, file.pair, repository_environment());
  if (file.owner && *file.owner != opened->format().owner_signing_key) {
    throw Error(ErrorKind::corrupt,
                fmt::format("{} is of another owner than the key file is for", store.describe()))
        .set_hint("somebody may have put another repository in its place");
  }
  repository_ = std::move(opened);
  look_for_tampering();
  return *repository_;
}

std::unique_ptr<repository::Repository> Session::open_copy(
    storage::Backend& store, const std::optional<std::string>& named) {
  auto environment = repository_environment();
  environment.cache_directory = cache_of_copy(store.describe());
  const auto path =
      named ? std::optional(absolute_path(*named, environment_.working_directory)) : key_file();
  if (!path) {
    const auto secret = passphrase(Ask::once);
    return repository::Repository::open(store, secret, environment);
  }
  return repository::Repository::open(store, read_key_file(*path).pair, environment);
}

repository::Repository& Session::repository_to_read() {
  auto& opened = repository();
  opened.read_unindexed_packs(true);
  return opened;
}

void Session::warn_of_lost_index() {
  const auto found = repository_ ? repository_->unindexed_packs_found() : 0;
  if (found == 0) return;
  console_.warn(fmt::format(
      "{} in no index segment and read without it; mend that with: holdfast repair index",
      counted(found, "pack is", "packs are")));
}

void Session::look_for_tampering() {
  auto& store = repository_->snapshots();
  if (options_.trust_head) {
    const auto count = store.accept_losses(services_.clock().wall_now());
    console_.note(count == 0 ? std::string("nothing is lost: there was nothing to accept")
                             : fmt::format("the loss of {} records was accepted", count));
    return;
  }
  const auto lost = store.lost_records();
  for (std::size_t i = 0; i < std::min(lost.size(), lost_shown); ++i)
    console_.warn(fmt::format("tampered: {}: {}", lost[i].object, lost[i].message));
  if (lost.size() > lost_shown)
    console_.warn(fmt::format("tampered: and {} more records", lost.size() - lost_shown));
  saw_tampering_ = !lost.empty();
}

const std::vector<repository::Snapshot>& Session::snapshots() {
  if (!snapshots_) {
    snapshots_ =
        repository().snapshots().list([&](const std::string& name, const std::string& why) {
          saw_damage_ = true;
          console_.warn(fmt::format("snapshot record {} cannot be read: {}", name, why));
        });
  }
  return *snapshots_;
}

const std::vector<repository::Snapshot>& Session::snapshots_with_holds() {
  static_cast<void>(snapshots());
  if (!std::exchange(holds_noted_, true)) repository::note_holds(repository(), *snapshots_);
  return *snapshots_;
}

const repository::Snapshot& Session::snapshot(const std::string& text) {
  const auto& all = snapshots();
  if (ordinary_.empty()) {
    std::ranges::copy_if(all, std::back_inserter(ordinary_), [](const auto& snapshot) {
      return snapshot.kind != repository::SnapshotKind::safety;
    });
  }
  const bool is_safety = std::ranges::any_of(all, [&](const auto& snapshot) {
    return text.size() >= 4 && snapshot.kind == repository::SnapshotKind::safety &&
           snapshot.id.hex().starts_with(text);
  });
  return repository::resolve_snapshot(is_safety ? all : ordinary_, text.empty() ? "latest" : text);
}

}  // namespace holdfast::cli
