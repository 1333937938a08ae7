#include "base/durable_file.hpp"

#include "base/error.hpp"
#include "base/random.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <utility>
#include <vector>

// Who owns a temporary file is decided by flock, which the kernel drops with the process. Two races
// are closed by looking, once the lock is held, whether the name still leads to the locked inode:
// - the cleaner meets a file between its creation and its lock: the creator starts over with a new
// name;
// - the cleaner opened a file that was renamed away before the lock: it leaves it alone.
// Where a file system has no flock, creation goes on without and the cleaner removes nothing.

namespace holdfast::base {

namespace {

// Losing the race against a cleaner once is rare; this many times in a row it is something else.
constexpr int creation_attempts_max = 16;

std::string directory_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string temporary_name_in(const std::string& directory) {
  std::array<std::byte, 12> random;
  SystemRandom().fill(random);
  return directory + "/" + temporary_prefix + to_hex(random);
}

enum class Lock { held, taken_by_other, not_supported };

Lock lock_if_free(const Fd& file, const std::string& name) {
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    switch (errno) {
      case EINTR:
        continue;
      case EWOULDBLOCK:
        return Lock::taken_by_other;
      case ENOLCK:
      case ENOSYS:
      case EOPNOTSUPP:
      case EINVAL:
        return Lock::not_supported;
      default:
        throw system_error(errno, "locking " + name);
    }
  }
  return Lock::held;
}

bool leads_to(const std::string& name, const Fd& file) {
  struct stat by_name{};
  struct stat by_file{};
  if (::fstat(file.get(), &by_file) != 0) throw system_error(errno, "looking at " + name);
  if (::lstat(name.c_str(), &by_name) != 0) {
    if (errno == ENOENT) return false;
    throw system_error(errno, "looking at " + name);
  }
  return by_name.st_ino == by_file.st_ino && by_name.st_dev == by_file.st_dev;
}

void remove_name(const std::string& name) {
  if (::unlink(name.c_str()) != 0 && errno != ENOENT) throw system_error(errno, "removing " + name);
}

bool lacks_operation(int code) {
  return code == EINVAL || code == ENOSYS || code == EOPNOTSUPP || code == EPERM || code == EMLINK;
}

/// Without an atomic "create only if absent" the writers of a directory take turns by its lock.
DurableFile::Outcome rename_in_turn(const std::string& from, const std::string& to) {
  const auto directory = open_file(directory_of(to), O_RDONLY | O_DIRECTORY);
  while (::flock(directory.get(), LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    throw Error(ErrorKind::unsupported, "storing " + to +
                                            ": the file system can neither link, nor rename "
                                            "without replacing, nor lock")
        .set_hint("put the repository on a file system such as ext4, xfs or btrfs");
  }
  struct stat existing{};
  if (::lstat(to.c_str(), &existing) == 0) return DurableFile::Outcome::already_there;
  if (errno != ENOENT) throw system_error(errno, "looking at " + to);
  if (::rename(from.c_str(), to.c_str()) != 0) throw system_error(errno, "storing " + to);
  return DurableFile::Outcome::stored;
}

/// Gives the file `from` the name `to` unless that exists; `from` may or may not be left.
DurableFile::Outcome rename_if_absent(const Fd& file, const std::string& from,
                                      const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
    return DurableFile::Outcome::stored;
  }
  if (errno == EEXIST) return DurableFile::Outcome::already_there;
  if (!lacks_operation(errno)) throw system_error(errno, "storing " + to);

  if (::link(from.c_str(), to.c_str()) == 0) return DurableFile::Outcome::stored;
  if (errno == EEXIST) {
    // A client of NFS asks again when the reply was lost, and hears of its own success.
    return leads_to(to, file) ? DurableFile::Outcome::stored : DurableFile::Outcome::already_there;
  }
  if (!lacks_operation(errno)) throw system_error(errno, "storing " + to);

  return rename_in_turn(from, to);
}

}  // namespace

DurableFile::DurableFile(std::string path, mode_t mode) : path_(std::move(path)) {
  const auto directory = directory_of(path_);
  for (int attempt = 0; attempt < creation_attempts_max; ++attempt) {
    auto name = temporary_name_in(directory);
    auto file = open_file(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    if (lock_if_free(file, name) == Lock::taken_by_other || !leads_to(name, file)) continue;
    temporary_ = std::move(name);
    file_ = std::move(file);
    return;
  }
  throw Error(ErrorKind::io,
              "storing " + path_ + ": its temporary file was removed again and again");
}

DurableFile::~DurableFile() {
  // What cannot be removed is left for remove_abandoned_files of a later run.
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

DurableFile::DurableFile(DurableFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::move(other.file_)),
      size_(other.size_) {}

void DurableFile::append(ByteView bytes) {
  HF_ASSERT(file_, "nothing is appended after commit");
  write_all(file_.get(), bytes, path_);
  size_ += bytes.size();
}

DurableFile::Outcome DurableFile::commit(Existing existing) {
  HF_ASSERT(file_, "a file is committed once");
  sync_file(file_.get(), path_);
  auto outcome = Outcome::stored;
  if (existing == Existing::keep) {
    outcome = rename_if_absent(file_, temporary_, path_);
    remove_name(temporary_);
  } else if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    throw system_error(errno, "storing " + path_);
  }
  temporary_.clear();
  file_.reset();
  // Also for a file that was there: its writer may not have come as far as this yet.
  sync_directory(directory_of(path_));
  return outcome;
}

void DurableFile::commit_cache() {
  HF_ASSERT(file_, "a file is committed once");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    throw system_error(errno, "storing " + path_);
  }
  temporary_.clear();
  file_.reset();
}

void write_cache(const std::string& path, ByteView bytes, mode_t mode) {
  DurableFile file(path, mode);
  file.append(bytes);
  file.commit_cache();
}

void write_durably(const std::string& path, ByteView bytes, mode_t mode) {
  DurableFile file(path, mode);
  file.append(bytes);
  static_cast<void>(file.commit(DurableFile::Existing::replace));
}

void sync_directory(const std::string& path) {
  const auto directory = open_file(path, O_RDONLY | O_DIRECTORY);
  if (::fsync(directory.get()) == 0) return;
  if (errno == EINVAL) return;  // the file system has no fsync for directories
  throw system_error(errno, "making directory " + path + " durable");
}

void make_directories(const std::string& path, mode_t mode) {
  struct stat all{};
  if (::stat(path.c_str(), &all) == 0 && S_ISDIR(all.st_mode)) return;
  for (std::size_t end = path.find_first_not_of('/'); end < path.size();) {
    end = std::min(path.find('/', end), path.size());
    const auto directory = path.substr(0, end);
    if (::mkdir(directory.c_str(), mode) == 0) {
      sync_directory(directory_of(directory));
    } else {
      const int code = errno;
      struct stat status{};
      const bool is_there = ::stat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
      if (!is_there) throw system_error(code, "making directory " + directory);
    }
    end = path.find_first_not_of('/', end);
  }
}

namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

std::vector<std::string> temporary_names_in(const std::string& directory) {
  const std::unique_ptr<DIR, CloseDirectory> entries(::opendir(directory.c_str()));
  if (entries == nullptr) throw system_error(errno, "listing " + directory);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(entries.get());
    if (entry == nullptr && errno != 0) throw system_error(errno, "listing " + directory);
    if (entry == nullptr) return names;
    if (std::string_view(entry->d_name).starts_with(temporary_prefix)) {
      names.push_back(directory + "/" + entry->d_name);
    }
  }
}

/// Nothing when the file vanished meanwhile or belongs to somebody else, whose own run removes it.
Fd open_leftover(const std::string& name) {
  const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd >= 0) return Fd(fd);
  if (errno == ENOENT || errno == EACCES || errno == EPERM || errno == ELOOP) return {};
  throw system_error(errno, "opening " + name);
}

bool is_regular_and_older(const Fd& file, const std::string& name, std::int64_t changed_before) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) throw system_error(errno, "looking at " + name);
  return S_ISREG(status.st_mode) && status.st_mtim.tv_sec < changed_before;
}

}  // namespace

std::size_t remove_abandoned_files(const std::string& directory, std::int64_t changed_before) {
  std::size_t removed = 0;
  for (const auto& name : temporary_names_in(directory)) {
    const auto file = open_leftover(name);
    if (!file || !is_regular_and_older(file, name, changed_before)) continue;
    if (lock_if_free(file, name) != Lock::held || !leads_to(name, file)) continue;
    remove_name(name);
    ++removed;
  }
  return removed;
}

}  // namespace holdfast::base
