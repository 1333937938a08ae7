#pragma once

#include "config/config.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::config {

/// One thing wrong with the file.
struct Mistake {
  Place place;
  std::string message;
  std::string hint;  // what to write instead; may be empty
};

struct Parsed {
  Config config;  // complete only when there are no mistakes
  std::vector<Mistake> mistakes;
};

/// Mistakes that are collected before reading stops.
inline constexpr std::size_t mistakes_max = 100;
/// A larger file is not a configuration.
inline constexpr std::size_t config_size_max = 1024 * 1024;

/// Reads and checks a whole configuration. Does not throw for anything that `text` says.
/// `path` is the absolute path of the file: relative paths in it are relative to its folder.
Parsed parse_config(std::string_view text, const std::string& path);

/// Errors: not_found or access_denied when the file cannot be read; invalid_input with every
/// mistake as "file:line:column: what is wrong", one a line, hints below them.
Config load_config(const std::string& path);

/// As load_config, of text that was read already.
Config require_config(std::string_view text, const std::string& path);

/// All mistakes as text for people, one or two lines each.
std::string describe(const std::vector<Mistake>& mistakes, const std::string& path);

}  // namespace holdfast::config
