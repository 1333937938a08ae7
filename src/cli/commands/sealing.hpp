#pragma once

#include "base/bytes.hpp"
#include "cli/services.hpp"

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::cli {

using ByteSink = std::function<void(base::ByteView)>;

/// Who may open an export: people without Holdfast, by the program that they have.
struct Recipients {
  std::vector<std::string> gpg;  // keys of the user's key ring
  std::vector<std::string> age;  // recipients, or files of them
  bool any() const { return !gpg.empty() || !age.empty(); }
};

/// The program and its arguments that seal standard input for `recipients`.
/// Errors: invalid_input unless there are recipients of exactly one program.
std::vector<std::string> sealing_command(const Recipients& recipients);

/// Runs `produce`, and gives what `command` makes of its bytes to `output`.
/// Errors: io when the command fails; what `produce` and `output` throw. What `output` got so far
///         is then not whole: the command is ended before it could finish it.
void seal(Services& services, const std::vector<std::string>& command,
          const std::function<void(const ByteSink&)>& produce, const ByteSink& output,
          const std::stop_token& stopping);

}  // namespace holdfast::cli
