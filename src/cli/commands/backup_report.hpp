#pragma once

#include "backup/backup.hpp"
#include "console.hpp"

namespace holdfast::cli {

/// What a run did: one object of "runs" for scripts, a few lines for people.
void report_backup(Console& console, const backup::BackupResult& result, bool dry_run);

}  // namespace holdfast::cli
