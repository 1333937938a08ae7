#pragma once

#include "sources/source.hpp"

#include <memory>
#include <string>
#include <vector>

namespace holdfast::sources {

/// A consistent snapshot of a SQLite database in use, WAL or rollback journal.
///
/// How:    a read transaction pins the snapshot; pages are read from the database file with the
/// WAL's committed frames
///         laid over, by ourselves. In WAL mode writers are never blocked; with a rollback journal
///         a shared lock is held.
/// Stamp:  page count, change counter, schema cookie; WAL salts and last frame.
/// Errors: not_found, corrupt (not a database, hot journal that cannot be rolled back), unavailable
/// when it stays locked
///         longer than `busy_timeout_ms`.
std::unique_ptr<PagedSource> open_sqlite(const std::string& path, int busy_timeout_ms = 10'000);

/// The files that belong to the database at `path` and must not be copied as plain files.
std::vector<std::string> sqlite_companions(const std::string& path);

}  // namespace holdfast::sources
