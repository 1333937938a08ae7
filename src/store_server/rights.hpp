// What a token may do to a repository. The server knows names only; these are those of
// docs/format/repository.md.
#pragma once

#include "storage/backend.hpp"
#include "store_server/tokens.hpp"

#include <string>

namespace holdfast::store_server {

/// Errors: access_denied when an append-only token would say of snapshots or packs that they may
/// go.
void require_create(const Token& token, const std::string& name);
/// Errors: access_denied, unless it is an object that a run itself takes away again: of a lease,
/// whose end goes only after its start, of the notes when packs were read, or of a
/// diagnosis.
void require_remove(const Token& token, const std::string& name, storage::Backend& repository);

}  // namespace holdfast::store_server
