#pragma once

#include "console.hpp"
#include "restore/restore.hpp"

namespace holdfast::cli {

/// What a restore did, or with dry_run would do.
void report_restore(Console& console, const repository::Snapshot& snapshot,
                    const restore::RestoreRequest& request, const restore::RestoreReport& report);

}  // namespace holdfast::cli
