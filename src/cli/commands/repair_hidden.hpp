#pragma once

#include "session.hpp"

namespace holdfast::cli {

/// Brings back objects that something else than Holdfast hid or overwrote, in a store that keeps
/// versions. Needs no key: also where all that opens the repository is hidden.
/// Returns the exit code. Errors: unsupported for a store without versions.
int repair_hidden(Session& session, bool dry_run, bool yes);

}  // namespace holdfast::cli
