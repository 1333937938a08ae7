#pragma once

#include "directory.hpp"
#include "metadata.hpp"
#include "report.hpp"
#include "repository/repository.hpp"
#include "restore/restore.hpp"

#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::base {
class Error;
}

namespace holdfast::restore {

/// What one restore works with. Borrowed by its parts.
struct Context {
  repository::Repository& repository;
  const RestoreRequest& request;
  Report& report;
  Metadata& metadata;
  DirectoryHandles& handles;
  std::stop_token stopping;
};

/// Whether an error is the matter of one entry, so that the run goes on. A full disk, a lost key or
/// a store that does not answer are the matter of the run.
bool concerns_one_entry(const base::Error& error);
/// Notes `error` as a problem of `path`, or throws it on.
void note_or_throw(Report& report, const std::string& path, const base::Error& error);

/// One thing in `directory` is done: finishes the directory if that was the last, and those above
/// it that waited for it. Threads: any.
void release(const Context& context, DirectoryRef directory);

/// Names of files that are not whole yet start with this.
inline constexpr std::string_view temporary_prefix = ".holdfast-restore-";
std::string temporary_name(const Context& context);

}  // namespace holdfast::restore
