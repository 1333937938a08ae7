// An object is a file of the same name below the root. Temporaries of base::DurableFile begin with
// '.', which no object name does, so that they are never listed; whatever else lies about and is no
// object name is not seen either. A root that is gone (a mount that is absent) is an error in every
// call, also when what it was mounted on is there: an empty answer would read as lost data, and
// what is written would lie on another disk.

#include "storage/local/local_backend.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/random.hpp"
#include "storage/local/mount_kind.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <optional>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <utility>
#include <vector>

namespace holdfast::storage {

using base::DurableFile;
using base::Error;
using base::ErrorKind;

namespace {

constexpr mode_t directory_mode = 0700;
constexpr mode_t file_mode = 0600;
// Enough to make of segments few and large writes.
constexpr std::size_t write_buffer_size = 256 * 1024;

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

constexpr std::int64_t abandoned_after_seconds = 24 * 3600;

/// The file system that the directory `root` lies on.
dev_t require_directory(const std::string& root) {
  struct stat status{};
  if (stat(root.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return status.st_dev;
  } else if (errno != ENOENT && errno != ENOTDIR) {
    throw base::system_error(errno, "looking at " + root);
  }
  throw Error(ErrorKind::not_found, fmt::format("the store {} is not there", root))
      .set_hint("check the path, and whether the disk or network share is mounted")
      .set_layer(base::Layer::place);
}

class LocalWriter final : public ObjectWriter {
public:
  explicit LocalWriter(DurableFile file) : file_(std::move(file)) {}

  void append(base::ByteView bytes) override {
    if (bytes.size() > buffer_.room()) flush();
    if (bytes.size() >= write_buffer_size) {
      file_.append(bytes);
      return;
    }
    if (buffer_.capacity() == 0) buffer_ = base::Buffer(write_buffer_size);
    buffer_.append(bytes);
  }

  PutOutcome commit() override {
    flush();
    switch (file_.commit(DurableFile::Existing::keep)) {
      case DurableFile::Outcome::stored:
        return PutOutcome::stored;
      case DurableFile::Outcome::already_there:
        break;
    }
    return PutOutcome::already_there;
  }

private:
  void flush() {
    if (!buffer_.empty()) file_.append(buffer_.view());
    buffer_.clear();
  }

  DurableFile file_;
  base::Buffer buffer_;
};

class LocalBackend final : public Backend {
public:
  explicit LocalBackend(std::string root)
      : root_(std::move(root)), device_(require_directory(root_)) {}

  std::string describe() const override { return "file://" + root_; }

  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    const auto path = path_of(name);
    require_root();
    try {
      return std::make_unique<LocalWriter>(DurableFile(path, file_mode));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_found) throw;
    }
    require_root();
    base::make_directories(path.substr(0, path.rfind('/')), directory_mode);
    return std::make_unique<LocalWriter>(DurableFile(path, file_mode));
  }

  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    const auto path = path_of(name);
    // Beyond what a file can hold there is nothing, and the kernel would call it an error.
    if (offset > static_cast<std::uint64_t>(INT64_MAX) - into.size()) {
      offset = static_cast<std::uint64_t>(INT64_MAX) - into.size();
    }
    return base::read_at(open_object(path).get(), offset, into, path);
  }

  std::optional<ObjectInfo> stat(const std::string& name) override {
    const auto path = path_of(name);
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0) {
      if (!S_ISREG(status.st_mode)) return std::nullopt;
      return ObjectInfo{name, static_cast<std::uint64_t>(status.st_size)};
    }
    if (errno != ENOENT && errno != ENOTDIR) {
      throw base::system_error(errno, "looking at " + path);
    }
    require_root();
    return std::nullopt;
  }

  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    check_prefix(prefix);
    require_root();
    walk(prefix, visit, [](const std::string&) {});
    require_root();  // it was there all the time
  }

  RemoveOutcome remove(const std::string& name) override {
    const auto path = path_of(name);
    if (unlink(path.c_str()) == 0) return RemoveOutcome::removed;
    if (errno != ENOENT && errno != ENOTDIR) throw base::system_error(errno, "removing " + path);
    require_root();
    return RemoveOutcome::was_absent;
  }

  std::size_t remove_leftovers() override {
    require_root();
    auto changed_before = std::numeric_limits<std::int64_t>::max();
    if (is_on_network(root_)) {
      // The locks of other machines are not seen there, so it is the age that tells.
      const auto now = time_of_store();
      if (!now) return 0;
      changed_before = *now - abandoned_after_seconds;
    }
    std::size_t removed = 0;
    walk(
        "", [](const ObjectInfo&) {},
        [&](const std::string& directory) {
          removed += base::remove_abandoned_files(directory, changed_before);
        });
    return removed;
  }

  StoreStatus status() override {
    require_root();
    struct statvfs space{};
    if (::statvfs(root_.c_str(), &space) != 0) {
      throw base::system_error(errno, "looking at the space of " + root_);
    }
    StoreStatus status{.free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize, .time = {}};
    if (const auto now = time_of_store()) status.time = base::WallTime{*now, 0};
    return status;
  }

private:
  void require_root() const {
    if (require_directory(root_) == device_) return;
    throw Error(ErrorKind::not_found,
                fmt::format("the store {} is not there any more: another file system is", root_))
        .set_hint("check whether the disk or network share is still mounted, then run it again")
        .set_layer(base::Layer::place);
  }

  /// A network share has a clock of its own: the time of a file that is made there, in seconds.
  std::optional<std::int64_t> time_of_store() const {
    base::Fd file(::open(root_.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, file_mode));
    if (!file) {
      std::array<std::byte, 12> random;
      base::SystemRandom().fill(random);
      const auto name = root_ + "/" + base::temporary_prefix + base::to_hex(random);
      constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
      file = base::Fd(::open(name.c_str(), flags, file_mode));
      if (file) ::unlink(name.c_str());
    }
    struct stat made{};
    if (!file || ::fstat(file.get(), &made) != 0) return std::nullopt;
    return made.st_mtim.tv_sec;
  }

  std::string path_of(const std::string& name) const {
    check_name(name);
    return root_ + "/" + name;
  }

  base::Fd open_object(const std::string& path) const {
    try {
      return base::open_file(path, O_RDONLY);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::not_found) require_root();
      throw;
    }
  }

  /// Visits the objects and directories below `prefix`. The depth is that of object names, also
  /// through symbolic links that go round.
  void walk(const std::string& prefix, const std::function<void(const ObjectInfo&)>& visit_object,
            const std::function<void(const std::string&)>& visit_directory) const {
    const auto path = root_ + "/" + prefix;
    const std::unique_ptr<DIR, CloseDirectory> directory(opendir(path.c_str()));
    if (!directory) {
      if (errno == ENOENT || errno == ENOTDIR) return;
      throw base::system_error(errno, "listing " + path);
    }
    visit_directory(path);
    for (errno = 0; const dirent* entry = readdir(directory.get()); errno = 0) {
      const auto name = prefix + entry->d_name;
      if (!is_object_name(name)) continue;
      struct stat status{};
      if (fstatat(dirfd(directory.get()), entry->d_name, &status, 0) != 0) {
        if (errno == ENOENT || errno == ELOOP) continue;
        throw base::system_error(errno, "looking at " + path + entry->d_name);
      }
      if (S_ISDIR(status.st_mode)) walk(name + "/", visit_object, visit_directory);
      if (S_ISREG(status.st_mode)) {
        visit_object({.name = name,
                      .size = static_cast<std::uint64_t>(status.st_size),
                      .since = base::WallTime{status.st_mtim.tv_sec, 0}});
      }
    }
    if (errno != 0) throw base::system_error(errno, "listing " + path);
  }

  const std::string root_;
  const dev_t device_;  // of the root, when it was opened
};

}  // namespace

std::unique_ptr<Backend> open_local(const std::string& directory, LocalOpen mode) {
  if (directory.empty()) {
    throw Error(ErrorKind::invalid_input, "the directory of a store has an empty name");
  }
  if (mode == LocalOpen::create) base::make_directories(directory, directory_mode);
  return std::make_unique<LocalBackend>(directory);
}

}  // namespace holdfast::storage
