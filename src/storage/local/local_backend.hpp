#pragma once

#include "storage/backend.hpp"

#include <memory>
#include <string>

namespace holdfast::storage {

enum class LocalOpen { existing, create };

/// Objects as files below `directory` (mode 0700 / 0600), also over mounted NFS, SMB and SSHFS.
///
/// With `create` the directory is made if missing. With `existing` it must be there: a mount that
/// is absent is not_found with a hint, never an empty store. Durable: by base::DurableFile. An
/// object's directory is made on first use.
std::unique_ptr<Backend> open_local(const std::string& directory, LocalOpen mode);

}  // namespace holdfast::storage
