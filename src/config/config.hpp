#pragma once

#include "policy/bandwidth.hpp"
#include "policy/lifecycle.hpp"
#include "policy/retention.hpp"
#include "policy/storage_classes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::config {

/// Where in a file something stands, counted from 1.
struct Place {
  std::size_t line = 0;
  std::size_t column = 0;
};

enum class DatabaseEngine : std::uint8_t { sqlite, postgresql, mariadb, redis };
const char* name_of(DatabaseEngine engine);

/// One entry of `databases`. SQLite has a path, the servers have a URL.
struct Database {
  DatabaseEngine engine = DatabaseEngine::sqlite;
  std::string path;  // absolute
  std::string url;
  Place place;
};

/// Something that the file asks for and this version only validates: whoever runs the site must say
/// so.
struct NotYet {
  enum class When : std::uint8_t { backup, restore };
  When when = When::backup;
  std::string feature;  // "copies", "schedule", ...
  std::string message;
};

/// A site: everything of one name that is taken together, as one point.
struct Site {
  std::string name;
  std::vector<std::string> files;    // absolute paths
  std::vector<std::string> config;   // absolute paths
  std::vector<std::string> exclude;  // gitignore patterns
  std::vector<std::string> tags;
  bool one_file_system = false;
  bool skip_caches = false;
  std::optional<std::uint64_t> file_size_max;
  std::vector<Database> databases;
  policy::KeepRules keep;
  std::vector<std::string> copies;  // names of stores
  std::vector<NotYet> not_yet;
};

/// How a store over HTTPS is reached.
struct HttpSettings {
  std::optional<std::string> ca_file;             // absolute
  std::optional<std::string> client_certificate;  // absolute
  std::optional<std::string> client_key;          // absolute
  std::optional<std::string> pinned_key;
  std::optional<std::string> proxy;  // may hold a password
};

/// What a bucket needs beside its URL; what is not said comes from the environment.
struct BucketSettings {
  std::optional<std::string> endpoint;
  std::optional<std::string> region;
  std::optional<std::string> profile;
  std::optional<std::string> credentials_file;   // absolute
  std::vector<std::string> credentials_command;  // arguments; no shell
  std::optional<std::string> addressing;         // "path", "virtual"
  std::optional<std::string> network;            // "public", "internal", "accelerate"
  std::optional<std::string> storage_class;
  std::optional<std::string> encryption;
  std::optional<std::string> encryption_key;
  bool creates_by_looking = false;
  std::optional<std::int64_t> lock_seconds;  // how long nobody may destroy what is kept
  bool lock_may_be_lifted = false;           // by who has the right to
};

/// How the user that a URL names proves who it is; what is not said comes from the environment.
struct LoginSettings {
  std::optional<std::string> password_file;   // absolute
  std::vector<std::string> password_command;  // arguments; no shell
  bool allows_plain_password = false;         // over a connection without TLS
  bool begins_with_tls = false;               // implicit TLS of FTP, at any port
};

/// Where the token for a REST store is; else it comes from the environment.
struct TokenSettings {
  std::optional<std::string> file;   // absolute
  std::vector<std::string> command;  // arguments; no shell
};

/// In which classes of a bucket packs of content are kept.
struct TierSettings {
  std::vector<policy::LifecycleRule> lifecycle;  // in the order of their times
  Place store_place{};                           // of the rule that names a store
  bool keeps_newest = false;                     // where they are: what the newest snapshots need
  std::vector<policy::PriceOverride> prices;
  std::string currency;  // empty: that of the built-in prices
};

/// A place that keeps a repository or copies of it.
struct Store {
  std::string name;
  std::string url;
  std::optional<unsigned> parity_percent;        // in packs, when it is made
  bool offline = false;                          // expected to be away most of the time
  std::optional<std::int64_t> period_seconds;    // of an offline one: how long it may lack a point
  std::optional<bool> offsite;                   // in another place than the site
  std::string medium;                            // empty: what the scheme of the URL suggests
  std::optional<std::int64_t> verify_seconds;    // how long ago all of it may have been read
  std::optional<std::int64_t> patience_seconds;  // how long it may be away in the middle of a run
  HttpSettings http{};
  BucketSettings bucket{};
  TierSettings tiers{};
  LoginSettings login{};
  TokenSettings token{};
  policy::BandwidthLimits limits{};  // of this store
  Place place;
};

inline constexpr unsigned parity_percent_max = 25;

struct Config {
  std::string path;  // of the file, for messages
  std::optional<std::string> repository;
  std::optional<std::string> passphrase_file;
  std::optional<std::string> key_file;
  std::vector<std::string> passphrase_command;  // arguments; no shell
  std::optional<unsigned> parity_percent;       // in packs
  policy::BandwidthLimits limits{};             // of all stores together
  std::vector<Site> sites;                      // in the order of the file
  std::vector<Store> stores;

  const Site* find_site(const std::string& name) const;
  const Store* find_store(const std::string& name) const;
};

/// Whether `name` may name a site: 1 to 64 of letters, digits, '.', '_', '-', not starting with '.'
/// or '-', not a word that already means a snapshot ("latest").
bool is_site_name(const std::string& name);

}  // namespace holdfast::config
