#pragma once

#include "base/random.hpp"
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

enum class SftpOpen { existing, create };

/// Objects as files below a directory of an SSH server, by its SFTP subsystem. The transport is the
/// user's own ssh with its configuration, agent and jump hosts; nothing is ever asked, and a host
/// key that is not known is refused.
///
/// Durable: where the server has fsync@openssh.com (OpenSSH); on others as far as the server goes.
///          Visible whole or not at all: written under a name that no object has, then renamed,
///          which version 3 of the protocol refuses when the name is taken.
/// With `create` the directory is made if missing; its parent must be there.
std::unique_ptr<Backend> open_sftp(const Location& location, const SftpOptions& options,
                                   base::Random& random, SftpOpen mode);

}  // namespace holdfast::storage
