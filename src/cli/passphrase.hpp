#pragma once

#include "base/secret.hpp"
#include "console.hpp"
#include "services.hpp"

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::cli {

/// Where the passphrase may come from, first one set wins within one line: options, environment,
/// configuration; the terminal when none is set.
struct PassphraseSources {
  std::optional<std::string> file;          // --passphrase-file
  std::optional<std::uint32_t> fd;          // --passphrase-fd
  std::optional<std::string> command;       // --passphrase-command, split into words
  std::optional<std::string> environment;   // HOLDFAST_PASSPHRASE_FILE
  std::optional<std::string> config_file;   // passphrase_file
  std::vector<std::string> config_command;  // passphrase_command
};

/// More than this is no passphrase.
inline constexpr std::size_t passphrase_size_max = 64 * 1024;

enum class Ask : std::uint8_t { once, twice };

/// One line ending at the end is not part of it. A file that others may read is warned about.
/// Errors: invalid_input when several options name a source, when it is empty or too long, when
///         both answers differ, or when there is nothing to read it from; the source's own errors.
base::Secret read_passphrase(const PassphraseSources& sources, Ask ask, Services& services,
                             Console& console, const std::stop_token& stopping);

}  // namespace holdfast::cli
