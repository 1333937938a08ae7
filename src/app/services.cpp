#include "app/services.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "sources/filesystem/filesystem_source.hpp"
#include "sources/filesystem/list_ahead.hpp"
#include "sources/sqlite/sqlite_source.hpp"
#include "sources/stream/stream_source.hpp"
#include "storage/local/local_backend.hpp"
#include "storage/local/mount_kind.hpp"
#include "storage/sftp/sftp_backend.hpp"
#include "storage/wrappers/wrappers.hpp"
#include "store_context.hpp"
#include "unavailable_source.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <sys/stat.h>
#include <utility>

namespace holdfast::app {

namespace {

using cli::PlannedSource;
using cli::SourcePlan;
using Item = backup::BackupItem;

// ---- stores ----

struct Store {
  const char* scheme;
  std::unique_ptr<storage::Backend> (*open)(const storage::Location&, const StoreContext&);
  doctor::Way (*way)(const storage::Location&, const StoreContext&);
};

/// For stores that send at once what they are given; others know their limits themselves.
std::unique_ptr<storage::Backend> limited(std::unique_ptr<storage::Backend> store,
                                          const StoreContext& context) {
  if (!context.limits.up && !context.limits.down) return store;
  return storage::with_limits(std::move(store), context.limits, context.clock,
                              base::make_sleeper(context.stopping));
}

std::unique_ptr<storage::Backend> open_file_store(const storage::Location& location,
                                                  const StoreContext& context) {
  auto store =
      limited(storage::open_local(location.path, context.creates ? storage::LocalOpen::create
                                                                 : storage::LocalOpen::existing),
              context);
  // A disk that fails is not asked again.
  if (!storage::is_on_network(location.path)) return store;
  return storage::with_retries(std::move(store), context.retries, context.random,
                               base::make_sleeper(context.stopping));
}

std::unique_ptr<storage::Backend> open_sftp_store(const storage::Location& location,
                                                  const StoreContext& context) {
  storage::SftpOptions options;
  options.config_file = context.environment.ssh_config;
  options.stall_seconds = context.stall_seconds;
  return limited(
      storage::open_sftp(location, options,
                         {context.random, base::make_sleeper(context.stopping), context.retries},
                         context.creates ? storage::SftpOpen::create : storage::SftpOpen::existing),
      context);
}

doctor::Way way_to_file_store(const storage::Location& /*location*/,
                              const StoreContext& /*context*/) {
  return {};
}

std::unique_ptr<storage::Backend> open_limited_ftps_store(const storage::Location& location,
                                                          const StoreContext& context) {
  return limited(open_ftps_store(location, context), context);
}

constexpr std::array stores = {
    Store{"cos", open_s3_store, way_to_s3_store},
    Store{"file", open_file_store, way_to_file_store},
    Store{"ftp", open_limited_ftps_store, way_to_ftps_store},
    Store{"ftps", open_limited_ftps_store, way_to_ftps_store},
    Store{"https", open_rest_store, way_to_rest_store},
    Store{"oss", open_s3_store, way_to_s3_store},
    Store{"s3", open_s3_store, way_to_s3_store},
    Store{"sftp", open_sftp_store, way_to_sftp_store},
    Store{"webdav", open_webdav_store, way_to_webdav_store},
    Store{"webdavs", open_webdav_store, way_to_webdav_store},
};

const Store& store_of(const storage::Location& location) {
  std::string known;
  for (const auto& store : stores) {
    if (location.scheme == store.scheme) return store;
    known += fmt::format("{}{}://", known.empty() ? "" : ", ", store.scheme);
  }
  throw base::Error(base::ErrorKind::unsupported,
                    fmt::format("repositories at {} are not supported by this version",
                                base::printable(location.url())))
      .set_hint(fmt::format("supported: {}", known));
}

/// Whoever waits for a diagnosis does not wait long.
constexpr unsigned examined_stall_seconds = 10;
/// For a store that went away in the middle of a run.
constexpr std::int64_t usual_patience_seconds = 60;

// ---- sources ----

/// Opening a source is where some of them fail already, a database that is not there for one.
template <class Open>
Item open_or_unavailable(const PlannedSource& source, Open open) {
  try {
    return {source.item, open()};
  } catch (const base::Error& error) {
    return {source.item, unavailable_source(source.path, error)};
  }
}

/// As many as take some 10 MB, which is what a passphrase leaves of the memory that its key was
/// made in.
constexpr std::size_t entries_listed_ahead = 30'000;

Item open_tree(const PlannedSource& source, const SourcePlan& plan) {
  sources::FilesystemOptions options;
  options.exclude = plan.exclude;
  options.exclude_paths = plan.exclude_paths;
  for (const auto& other : plan.sources) {
    if (other.kind != PlannedSource::Kind::sqlite) continue;
    for (auto& companion : sources::sqlite_companions(other.path)) {
      options.exclude_paths.push_back(std::move(companion));
    }
  }
  options.one_file_system = plan.one_file_system;
  options.skip_cache_directories = plan.skip_caches;
  options.file_size_max = plan.file_size_max;
  return {source.item, sources::list_ahead(sources::open_filesystem(source.path, options),
                                           entries_listed_ahead)};
}

/// The database file and whatever lies beside it and belongs to it.
Item open_plain_database(const PlannedSource& source) {
  std::vector<std::string> paths{source.path};
  for (auto& companion : sources::sqlite_companions(source.path)) {
    struct stat status{};
    if (companion != source.path && ::lstat(companion.c_str(), &status) == 0) {
      paths.push_back(std::move(companion));
    }
  }
  return {repository::ItemKind::files, sources::open_path_list(paths)};
}

Item open_database(const PlannedSource& source) {
  try {
    return {source.item, sources::open_sqlite(source.path)};
  } catch (const base::Error& error) {
    if (source.plain_if_broken) return open_plain_database(source);
    return {source.item, unavailable_source(source.path, error)};
  }
}

Item open_source(const PlannedSource& source, const SourcePlan& plan) {
  switch (source.kind) {
    case PlannedSource::Kind::tree:
      return open_tree(source, plan);
    case PlannedSource::Kind::path_list:
      return {source.item, sources::open_path_list(source.paths)};
    case PlannedSource::Kind::sqlite:
      return open_database(source);
    case PlannedSource::Kind::standard_input:
      return {source.item, sources::open_fd_stream(STDIN_FILENO, source.path)};
    case PlannedSource::Kind::command:
      return open_or_unavailable(
          source, [&] { return sources::open_command(source.arguments, source.path); });
  }
  HF_ASSERT(false, "every kind of source is opened above");
}

}  // namespace

std::unique_ptr<storage::Backend> AppServices::open_store(const storage::Location& location,
                                                          StoreMode mode,
                                                          const config::Store& settings,
                                                          const base::RateLimits& limits) {
  StoreContext context{environment_, settings, limits, clock_, random_, stopping_};
  context.creates = mode == StoreMode::create;
  context.retries.patience_seconds =
      static_cast<double>(settings.patience_seconds.value_or(usual_patience_seconds));
  if (mode == StoreMode::examine) {
    context.retries.attempts_max = 1;
    context.retries.patience_seconds = 0;
    context.stall_seconds = examined_stall_seconds;
  }
  auto store = store_of(location).open(location, context);
  return store->transfers_max() > 1 ? storage::with_senders(std::move(store)) : std::move(store);
}

doctor::Way AppServices::way_to_store(const storage::Location& location,
                                      const config::Store& settings) {
  return store_of(location).way(location, {environment_, settings, {}, clock_, random_, stopping_});
}

std::vector<backup::BackupItem> AppServices::open_sources(const SourcePlan& plan) {
  std::vector<backup::BackupItem> items;
  items.reserve(plan.sources.size());
  for (const auto& source : plan.sources)
    items.push_back(open_source(source, plan));
  return items;
}

std::unique_ptr<sources::StreamSource> AppServices::open_command(
    const std::vector<std::string>& arguments, const std::string& name, base::Fd input) {
  return sources::open_command(arguments, name, std::move(input));
}

}  // namespace holdfast::app
