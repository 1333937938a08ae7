// An object is a file of the same name below the root. It is written under a name that no object
// has, made durable, and renamed, which the server refuses when the name is taken; a second sync
// makes the rename durable too: on journalling file systems it commits the journal, and the
// protocol has no way to sync a directory.

#include "storage/sftp/sftp_backend.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "remote_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <list>
#include <mutex>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

/// Requests of one writer under way: 4 MiB, what a line of 40 MB/s holds in a tenth of a second.
constexpr std::size_t writes_under_way_max = 128;
/// A connection with more than this under way lets others be opened.
constexpr std::size_t busy_requests = 64;
constexpr std::size_t open_files_max = 16;
constexpr std::uint64_t object_size_max = std::uint64_t{1} << 40;
constexpr std::size_t listed_together = 64;
constexpr std::uint64_t no_space_below = 1024UL * 1024;
constexpr std::uint32_t abandoned_after_seconds = 24 * 3600;
constexpr std::string_view temporary_start = ".hf-";
constexpr std::string_view temporary_end = ".tmp";
constexpr std::size_t temporary_size = 4 + 16 + 4;
constexpr const char* space_extension = "statvfs@openssh.com";

bool is_temporary(const std::string& name) {
  return name.size() == temporary_size && name.starts_with(temporary_start) &&
         name.ends_with(temporary_end);
}

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

void require_root(Connection& connection, const std::string& root) {
  const auto there = stat_file(connection, root);
  if (there && there->is_directory()) return;
  throw Error(ErrorKind::not_found, fmt::format("the store {} is not there", connection.store()))
      .set_hint("check the path, and whether the disk is mounted on the server")
      .set_layer(base::Layer::place);
}

/// Free bytes below `path`; nothing when the server does not say.
std::optional<std::uint64_t> free_bytes(Connection& connection, const std::string& path) {
  if (!connection.has_extension(space_extension)) return std::nullopt;
  const auto reply = connection.wait(connection.send(
      PacketType::extended, PacketWriter().text(space_extension).text(path).view()));
  if (reply.type != PacketType::extended_reply) return std::nullopt;
  PacketReader reader(reply.fields);
  reader.u64();  // block size
  const auto fragment = reader.u64();
  reader.u64();  // blocks
  reader.u64();  // free
  const auto available = reader.u64();
  if (fragment != 0 && available > UINT64_MAX / fragment) return std::nullopt;
  return available * fragment;
}

class SftpWriter final : public ObjectWriter {
public:
  SftpWriter(std::shared_ptr<RemoteFile> file, std::string temporary, std::string path)
      : file_(std::move(file)), temporary_(std::move(temporary)), path_(std::move(path)) {}
  ~SftpWriter() override {
    if (done_) return;
    try {
      auto& connection = file_->connection();
      for (const auto ticket : under_way_)
        connection.drop(ticket);
      connection.drop(connection.send(PacketType::remove, PacketWriter().text(temporary_).view()));
    } catch (const Error&) {  // remove_leftovers finds it
      return;
    }
  }

  void append(base::ByteView bytes) override {
    while (!bytes.empty()) {
      const auto taken =
          bytes.first(std::min(bytes.size(), RemoteFile::request_size_max - buffer_.size()));
      base::append(buffer_, taken);
      bytes = bytes.subspan(taken.size());
      if (buffer_.size() == RemoteFile::request_size_max) flush();
    }
  }

  PutOutcome commit() override {
    if (!buffer_.empty()) flush();
    if (file_->has_sync()) under_way_.push_back(file_->sync());
    while (!under_way_.empty())
      settle_oldest();
    return publish();
  }

private:
  void flush() {
    if (under_way_.size() == writes_under_way_max) settle_oldest();
    under_way_.push_back(file_->write(written_, buffer_));
    written_ += buffer_.size();
    buffer_.clear();
  }

  void settle_oldest() {
    auto& connection = file_->connection();
    const auto ticket = under_way_.front();
    under_way_.pop_front();
    const auto status = wait_status(connection, ticket);
    if (status.code == StatusCode::failure) {
      const auto left = free_bytes(connection, directory_of(path_));
      if (left && *left < no_space_below) {
        throw Error(ErrorKind::no_space,
                    fmt::format("writing {}: {} is full", path_, connection.store()))
            .set_hint("free some space on the server; holdfast prune works without any");
      }
    }
    throw_unless_ok(connection, status, "writing " + path_);
  }

  PutOutcome publish() {
    auto& connection = file_->connection();
    const auto renaming =
        connection.send(PacketType::rename, PacketWriter().text(temporary_).text(path_).view());
    if (file_->has_sync()) under_way_.push_back(file_->sync());
    const auto status = wait_status(connection, renaming);
    if (status.code == StatusCode::ok) {
      done_ = true;
      while (!under_way_.empty())
        settle_oldest();
      return PutOutcome::stored;
    }
    // Version 3 has no code for a name that is taken.
    if (!stat_file(connection, path_)) throw_unless_ok(connection, status, "storing " + path_);
    return PutOutcome::already_there;
  }

  const std::shared_ptr<RemoteFile> file_;
  const std::string temporary_;
  const std::string path_;
  base::Bytes buffer_;
  std::uint64_t written_ = 0;  // bytes, those under way included
  std::deque<Connection::Ticket> under_way_;
  bool done_ = false;
};

class SftpBackend final : public Backend {
public:
  SftpBackend(Location location, SftpOptions options, base::Random& random)
      : location_(std::move(location)),
        options_(std::move(options)),
        random_(random),
        root_(location_.path) {}

  void open(SftpOpen mode) {
    const auto connection = pick();
    if (mode == SftpOpen::create) make_directories(*connection, directory_of(root_), root_);
    require_root(*connection, root_);
  }

  std::string describe() const override { return location_.url(); }

  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    const auto path = path_of(name);
    const auto temporary = directory_of(path) + "/" + temporary_name();
    const auto connection = pick();
    const auto make = [&] {
      auto file = std::make_shared<RemoteFile>(connection, temporary, RemoteFile::Mode::create);
      return std::make_unique<SftpWriter>(std::move(file), temporary, path);
    };
    try {
      return make();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_found) throw;
    }
    require_root(*connection, root_);
    make_directories(*connection, root_, directory_of(path));
    return make();
  }

  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    const auto file = open_file(name);
    // Beyond what a file can hold the server would call it an error.
    return offset > object_size_max ? 0 : file->read(offset, into);
  }

  std::optional<ObjectInfo> stat(const std::string& name) override {
    const auto path = path_of(name);
    const auto connection = pick();
    const auto there = stat_file(*connection, path);
    if (!there) require_root(*connection, root_);
    if (!there || !there->is_regular()) return std::nullopt;
    return ObjectInfo{name, there->size.value_or(0)};
  }

  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    check_prefix(prefix);
    const auto connection = pick();
    require_root(*connection, root_);
    walk(*connection, prefix, visit, [](const std::string&, const DirectoryEntry&) {});
  }

  RemoveOutcome remove(const std::string& name) override {
    const auto path = path_of(name);
    forget_open_file(name);
    const auto connection = pick();
    const auto status = remove_file(*connection, path);
    if (status.code == StatusCode::no_such_file) {
      require_root(*connection, root_);
      return RemoveOutcome::was_absent;
    }
    throw_unless_ok(*connection, status, "removing " + path);
    return RemoveOutcome::removed;
  }

  std::size_t remove_leftovers() override {
    const auto connection = pick();
    require_root(*connection, root_);
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

  StoreStatus status() override {
    const auto connection = pick();
    require_root(*connection, root_);
    return {free_bytes(*connection, root_), base::WallTime{time_of_server(connection), 0}};
  }

private:
  std::string path_of(const std::string& name) const {
    check_name(name);
    return root_ + "/" + name;
  }

  std::string temporary_name() {
    std::array<std::byte, 8> bytes;
    random_.fill(bytes);
    return fmt::format("{}{}{}", temporary_start, base::to_hex(bytes), temporary_end);
  }

  std::vector<std::string> ssh_arguments() const {
    // Nothing that the address says can become an option: the host comes after "--".
    std::vector<std::string> arguments = {
        options_.program,           "-oBatchMode=yes",         "-oStrictHostKeyChecking=yes",
        "-oServerAliveInterval=20", "-oServerAliveCountMax=3", "-oConnectTimeout=30",
        "-oForwardAgent=no",        "-oForwardX11=no",         "-oClearAllForwardings=yes"};
    if (!options_.config_file.empty()) arguments.push_back("-F" + options_.config_file);
    if (!location_.user.empty()) arguments.push_back("-l" + location_.user);
    if (location_.port != 0) arguments.push_back("-p" + std::to_string(location_.port));
    for (const char* last : {"-s", "--"})
      arguments.emplace_back(last);
    arguments.push_back(location_.host);
    arguments.emplace_back("sftp");
    return arguments;
  }

  /// The connection with the least under way; another one when all are busy.
  std::shared_ptr<Connection> pick() {
    if (auto idle = pick_open()) return idle;
    const std::lock_guard turn(connecting_);
    if (auto opened_meanwhile = pick_open()) return opened_meanwhile;
    auto fresh = std::make_shared<Connection>(ssh_arguments(), describe(), options_.stall_seconds);
    const std::lock_guard lock(mutex_);
    connections_.push_back(fresh);
    return fresh;
  }

  std::shared_ptr<Connection> pick_open() {
    const std::lock_guard lock(mutex_);
    std::erase_if(connections_, [](const auto& connection) { return connection->is_broken(); });
    const auto least = std::ranges::min_element(
        connections_, {}, [](const auto& connection) { return connection->load(); });
    if (least == connections_.end()) return nullptr;
    const bool may_open = connections_.size() < options_.connections_max;
    return may_open && (*least)->load() >= busy_requests ? nullptr : *least;
  }

  /// Packs are read in many pieces: their files stay open for a while.
  std::shared_ptr<RemoteFile> open_file(const std::string& name) {
    const auto path = path_of(name);
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(open_files_,
                    [](const auto& open) { return open.second->connection().is_broken(); });
      const auto found = std::ranges::find(open_files_, name, &OpenFile::first);
      if (found != open_files_.end()) {
        open_files_.splice(open_files_.begin(), open_files_, found);
        return found->second;
      }
    }
    const auto connection = pick();
    std::shared_ptr<RemoteFile> file;
    try {
      file = std::make_shared<RemoteFile>(connection, path, RemoteFile::Mode::read);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::not_found) require_root(*connection, root_);
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
    const auto path = root_ + "/" + temporary_name();
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
          paths.push_back(root_ + "/" + level[i]);
        const auto found = list_directories(connection, paths);
        for (auto i = at; i < end; ++i) {
          if (!found[i - at]) continue;
          for (const auto& entry : *found[i - at]) {
            if (is_temporary(entry.name)) visit_temporary(paths[i - at] + entry.name, entry);
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
      const auto meant = stat_file(connection, root_ + "/" + name);
      if (!meant) return;
      attributes = *meant;
    }
    if (attributes.is_directory()) below.push_back(name + "/");
    if (attributes.is_regular()) visit({name, attributes.size.value_or(0)});
  }

  using OpenFile = std::pair<std::string, std::shared_ptr<RemoteFile>>;

  const Location location_;
  const SftpOptions options_;
  base::Random& random_;
  const std::string root_;
  std::mutex connecting_;  // held while a connection is made; taken before mutex_
  std::mutex mutex_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::list<OpenFile> open_files_;  // the one used last first
};

}  // namespace

std::unique_ptr<Backend> open_sftp(const Location& location, const SftpOptions& options,
                                   base::Random& random, SftpOpen mode) {
  auto backend = std::make_unique<SftpBackend>(location, options, random);
  backend->open(mode);
  return backend;
}

}  // namespace holdfast::storage
