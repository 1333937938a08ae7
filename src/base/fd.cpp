#include "base/fd.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sys/mman.h>
#include <sys/stat.h>
#include <utility>

namespace holdfast::base {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this == &other) return *this;
  reset();
  fd_ = other.release();
  return *this;
}

int Fd::release() noexcept { return std::exchange(fd_, -1); }

void Fd::reset() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Fd open_file(const std::string& path, int flags, mode_t mode) {
  for (;;) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) return Fd(fd);
    if (errno != EINTR) throw system_error(errno, "opening " + path);
  }
}

namespace {

// Reads and writes of a call are cut to this, which every kernel and file system takes.
constexpr std::size_t call_size_max = std::size_t{1} << 30;

/// Calls `call` until it is not interrupted; throws with `doing` and `name` when it fails.
template <class Call>
std::size_t uninterrupted(Call&& call, const char* doing, const std::string& name) {
  for (;;) {
    const auto done = call();
    if (done >= 0) return static_cast<std::size_t>(done);
    if (errno != EINTR) throw system_error(errno, std::string(doing) + name);
  }
}

/// Hands all of `bytes` to `call(rest, done so far)`, which says how much it took.
template <class Call>
void write_through(Call&& call, ByteView bytes, const std::string& name) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto rest = bytes.subspan(done, std::min(bytes.size() - done, call_size_max));
    const auto taken = uninterrupted([&] { return call(rest, done); }, "writing ", name);
    if (taken == 0) throw Error(ErrorKind::io, "writing " + name + ": nothing was taken");
    done += taken;
  }
}

}  // namespace

std::size_t read_at(int fd, std::uint64_t offset, MutableBytes into, const std::string& name) {
  std::size_t done = 0;
  while (done < into.size()) {
    const auto rest = into.subspan(done, std::min(into.size() - done, call_size_max));
    const auto at = static_cast<off_t>(offset + done);
    const auto got =
        uninterrupted([&] { return ::pread(fd, rest.data(), rest.size(), at); }, "reading ", name);
    if (got == 0) break;
    done += got;
  }
  return done;
}

std::size_t read_some(int fd, MutableBytes into, const std::string& name) {
  const auto size = std::min(into.size(), call_size_max);
  return uninterrupted([&] { return ::read(fd, into.data(), size); }, "reading ", name);
}

void write_all(int fd, ByteView bytes, const std::string& name) {
  write_through([&](ByteView rest, std::size_t) { return ::write(fd, rest.data(), rest.size()); },
                bytes, name);
}

void write_at(int fd, std::uint64_t offset, ByteView bytes, const std::string& name) {
  write_through(
      [&](ByteView rest, std::size_t done) {
        return ::pwrite(fd, rest.data(), rest.size(), static_cast<off_t>(offset + done));
      },
      bytes, name);
}

void sync_file(int fd, const std::string& name) {
  // Never again after a failure: the kernel may have dropped the pages and call the second one
  // good.
  if (::fsync(fd) != 0) throw system_error(errno, "making " + name + " durable");
}

namespace {

std::uint64_t size_of(const Fd& file, const std::string& path) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) throw system_error(errno, "looking at " + path);
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

Bytes read_file(const std::string& path, std::size_t size_max) {
  const auto file = open_file(path, O_RDONLY);
  // The size is a first guess only: it is 0 under /proc, and the file may grow meanwhile.
  const auto guess = std::min<std::uint64_t>(size_of(file, path), size_max);
  Bytes bytes(std::max<std::size_t>(static_cast<std::size_t>(guess) + 1, 4096));
  std::size_t done = 0;
  for (;;) {
    const auto got = read_some(file.get(), std::span(bytes).subspan(done), path);
    done += got;
    if (done > size_max) {
      throw Error(ErrorKind::invalid_input,
                  "reading " + path + ": it is larger than " + std::to_string(size_max) + " bytes");
    }
    if (got == 0) break;
    if (done == bytes.size()) bytes.resize(done * 2);
  }
  bytes.resize(done);
  return bytes;
}

MappedFile MappedFile::open(const std::string& path) {
  const auto file = open_file(path, O_RDONLY);
  const auto size = size_of(file, path);
  MappedFile mapped;
  if (size == 0) return mapped;
  void* const pages = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (pages == MAP_FAILED) throw system_error(errno, "mapping " + path);
  mapped.data_ = static_cast<const std::byte*>(pages);
  mapped.size_ = size;
  return mapped;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace holdfast::base
