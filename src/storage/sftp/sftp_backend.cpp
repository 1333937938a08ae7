// An object is a file of the same name below the root. It is written under a name that no object
// has, made durable, and renamed, which the server refuses when the name is taken; a second sync
// makes the rename durable too: on journalling file systems it commits the journal, and the
// protocol has no way to sync a directory.

#include "storage/sftp/sftp_backend.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "remote_files.hpp"
#include "sftp_writer.hpp"

#include <algorithm>
#include <list>
#include <mutex>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t open_files_max = 64;
/// Large reads at once, shared by the connections.
constexpr unsigned reads_max = 16;
constexpr std::uint64_t object_size_max = std::uint64_t{1} << 40;
constexpr std::size_t listed_together = 128;
constexpr std::uint32_t abandoned_after_seconds = 24 * 3600;

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

class SftpBackend final : public Backend {
  /// Gives `work` a connection and how many attempts failed before.
  template <class Work>
  auto run(Work work) {
    return place_.retrier.run([&](int failed) { return work(place_.pool.pick(), failed); });
  }

public:
  SftpBackend(Location location, SftpOptions options, SftpContext context)
      : place_{{location, std::move(options)},
               location.path,
               {context.retries, context.random, std::move(context.sleeper)},
               context.random} {}

  void open(SftpOpen mode) {
    const auto connection = place_.pool.pick();
    const auto& root = place_.root;
    if (mode == SftpOpen::create) make_directories(*connection, directory_of(root), root);
    require_directory(*connection, root);
  }

  std::string describe() const override { return place_.pool.store(); }

  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    return write_sftp_object(place_, path_of(name));
  }

  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    return place_.retrier.run([&](int) {
      const auto file = open_file(name);
      // Beyond what a file can hold the server would call it an error.
      return offset > object_size_max ? 0 : file->read(offset, into);
    });
  }

  std::optional<ObjectInfo> stat(const std::string& name) override {
    const auto path = path_of(name);
    return run([&](const auto& connection, int) -> std::optional<ObjectInfo> {
      const auto there = stat_file(*connection, path);
      if (!there) require_directory(*connection, place_.root);
      if (!there || !there->is_regular()) return std::nullopt;
      return ObjectInfo{name, there->size.value_or(0)};
    });
  }

  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    check_prefix(prefix);
    // Gathered first: a list that broke half-way is asked for again, and nothing is visited twice.
    const auto found = run([&](const auto& connection, int) {
      DirectoryCheck root(*connection, place_.root);
      std::vector<ObjectInfo> infos;
      walk(
          *connection, prefix, [&](const ObjectInfo& info) { infos.push_back(info); },
          [](const std::string&, const DirectoryEntry&) {});
      root.require();
      return infos;
    });
    for (const auto& info : found)
      visit(info);
  }

  RemoveOutcome remove(const std::string& name) override {
    const auto path = path_of(name);
    forget_open_file(name);
    return run([&](const auto& connection, int failed) {
      const auto status = remove_file(*connection, path);
      if (status.code == StatusCode::no_such_file) {
        require_directory(*connection, place_.root);
        // An attempt that failed may have removed it.
        return failed > 0 ? RemoveOutcome::removed : RemoveOutcome::was_absent;
      }
      throw_unless_ok(*connection, status, "removing " + path);
      return RemoveOutcome::removed;
    });
  }

  std::size_t remove_leftovers() override {
    return run([&](const auto& connection, int) { return remove_abandoned(connection); });
  }

  StoreStatus status() override {
    return run([&](const auto& connection, int) {
      require_directory(*connection, place_.root);
      return StoreStatus{free_bytes(*connection, place_.root),
                         base::WallTime{time_of_server(connection), 0}};
    });
  }

  unsigned transfers_max() const override { return reads_max; }
  void connect() override { place_.pool.add(); }

private:
  std::string path_of(const std::string& name) const {
    check_name(name);
    return place_.root + "/" + name;
  }

  std::size_t remove_abandoned(const std::shared_ptr<Connection>& connection) {
    require_directory(*connection, place_.root);
    const auto now = time_of_server(connection);
    std::vector<std::string> abandoned;
    const auto note = [&](const std::string& path, const DirectoryEntry& entry) {
      const auto& changed = entry.attributes.mtime;
      if (changed && now >= *changed && now - *changed > abandoned_after_seconds) {
        abandoned.push_back(path);
      }
    };
    walk(*connection, "", [](const ObjectInfo&) {}, note);
    std::size_t removed = 0;
    for (const auto& path : abandoned) {
      const auto status = remove_file(*connection, path);
      if (status.code == StatusCode::no_such_file) continue;
      throw_unless_ok(*connection, status, "removing " + path);
      ++removed;
    }
    return removed;
  }

  /// Packs are read in many pieces: their files stay open for a while, over each connection that
  /// they were read over, since one connection carries only so much at a time.
  std::shared_ptr<RemoteFile> open_file(const std::string& name) {
    const auto path = path_of(name);
    const auto connection = place_.pool.pick();
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(open_files_,
                    [](const auto& open) { return open.second->connection().is_broken(); });
      const auto found = std::ranges::find_if(open_files_, [&](const auto& open) {
        return open.first == name && open.second->shared_connection() == connection;
      });
      if (found != open_files_.end()) {
        open_files_.splice(open_files_.begin(), open_files_, found);
        return found->second;
      }
    }
    std::shared_ptr<RemoteFile> file;
    try {
      file = std::make_shared<RemoteFile>(connection, path, RemoteFile::Mode::read);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::not_found) require_directory(*connection, place_.root);
      throw;
    }
    const std::lock_guard lock(mutex_);
    open_files_.emplace_front(name, file);
    if (open_files_.size() > open_files_max) open_files_.pop_back();
    return file;
  }

  void forget_open_file(const std::string& name) {
    const std::lock_guard lock(mutex_);
    std::erase_if(open_files_, [&](const auto& open) { return open.first == name; });
  }

  /// What the server's clock says: the time of a file that it makes.
  std::uint32_t time_of_server(const std::shared_ptr<Connection>& connection) {
    const auto path = place_.root + "/" + temporary_name(place_.random);
    { const RemoteFile file(connection, path, RemoteFile::Mode::create); }
    const auto made = stat_file(*connection, path);
    throw_unless_ok(*connection, remove_file(*connection, path), "removing " + path);
    return made ? made->mtime.value_or(0) : 0;
  }

  /// Visits objects and temporary files below `prefix`, level by level, many directories at once.
  void walk(Connection& connection, const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit,
            const std::function<void(const std::string&, const DirectoryEntry&)>& visit_temporary) {
    std::vector<std::string> level = {prefix};
    while (!level.empty()) {
      std::vector<std::string> below;
      for (std::size_t at = 0; at < level.size(); at += listed_together) {
        std::vector<std::string> paths;
        const auto end = std::min(level.size(), at + listed_together);
        for (auto i = at; i < end; ++i)
          paths.push_back(place_.root + "/" + level[i]);
        const auto found = list_directories(connection, paths);
        for (auto i = at; i < end; ++i) {
          if (!found[i - at]) continue;
          for (const auto& entry : *found[i - at]) {
            if (is_temporary_name(entry.name)) visit_temporary(paths[i - at] + entry.name, entry);
            see_entry(connection, level[i] + entry.name, entry.attributes, visit, below);
          }
        }
      }
      level = std::move(below);
    }
  }

  void see_entry(Connection& connection, const std::string& name, FileAttributes attributes,
                 const std::function<void(const ObjectInfo&)>& visit,
                 std::vector<std::string>& below) const {
    if (!is_object_name(name)) return;
    if (!attributes.mode || attributes.is_symlink()) {
      const auto meant = stat_file(connection, place_.root + "/" + name);
      if (!meant) return;
      attributes = *meant;
    }
    if (attributes.is_directory()) below.push_back(name + "/");
    if (!attributes.is_regular()) return;
    ObjectInfo info{.name = name, .size = attributes.size.value_or(0)};
    if (attributes.mtime) info.since = base::WallTime{*attributes.mtime, 0};
    visit(info);
  }

  using OpenFile = std::pair<std::string, std::shared_ptr<RemoteFile>>;

  SftpPlace place_;
  std::mutex mutex_;
  std::list<OpenFile> open_files_;  // the one used last first
};

}  // namespace

std::unique_ptr<Backend> open_sftp(const Location& location, const SftpOptions& options,
                                   SftpContext context, SftpOpen mode) {
  auto backend = std::make_unique<SftpBackend>(location, options, std::move(context));
  backend->open(mode);
  return backend;
}

}  // namespace holdfast::storage
