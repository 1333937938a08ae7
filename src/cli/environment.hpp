#pragma once

#include <optional>
#include <string>

namespace holdfast::cli {

/// What the commands know of their surroundings; read once, in app.
struct Environment {
  std::string version;
  std::string host;
  std::string working_directory;
  bool is_root = false;
  bool colours_allowed = true;                 // NO_COLOR and TERM=dumb forbid them
  std::optional<std::string> repository;       // HOLDFAST_REPO
  std::optional<std::string> passphrase_file;  // HOLDFAST_PASSPHRASE_FILE
  std::optional<std::string> key_file;         // HOLDFAST_KEY_FILE
  std::optional<std::string> cache_directory;  // HOLDFAST_CACHE_DIR
  std::optional<std::string> config;           // HOLDFAST_CONFIG
  std::optional<std::string> xdg_cache_home;
  std::optional<std::string> home;
};

}  // namespace holdfast::cli
