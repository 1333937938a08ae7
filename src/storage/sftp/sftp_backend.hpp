#pragma once

#include "base/random.hpp"
#include "base/retry.hpp"
#include "storage/backend.hpp"
#include "storage/location.hpp"

#include <memory>
#include <string>

namespace holdfast::storage {

struct SftpOptions {
  std::string program = "ssh";
  std::string config_file;       // of ssh; empty: the user's own
  unsigned connections_max = 4;  // one ssh encrypts no more than one core can
  unsigned stall_seconds = 60;   // a server that is silent for so long is given up
};

/// What a store needs of the program. Borrowed.
struct SftpContext {
  base::Random& random;
  base::Sleeper sleeper;
  base::RetryPolicy retries{};
};

enum class SftpOpen { existing, create };

/// Objects as files below a directory of an SSH server, by its SFTP subsystem. The transport is the
/// user's own ssh with its configuration, agent and jump hosts; nothing is ever asked, and a host
/// key that is not known is refused.
///
/// Durable: where the server has fsync@openssh.com (OpenSSH); on others as far as the server goes.
///          Visible whole or not at all: written under a name that no object has, then renamed,
///          which version 3 of the protocol refuses when the name is taken.
/// Errors:  what may pass later is done again here, over another connection; an upload goes on from
///          what the server had confirmed.
/// With `create` the directory is made if missing; its parent must be there.
std::unique_ptr<Backend> open_sftp(const Location& location, const SftpOptions& options,
                                   SftpContext context, SftpOpen mode);

}  // namespace holdfast::storage
