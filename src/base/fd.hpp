#pragma once

#include "base/bytes.hpp"

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace holdfast::base {

/// A file descriptor that is closed when dropped. close() errors matter only where data was
/// written: there durable_file fsyncs first.
class Fd {
public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() noexcept;
  void reset() noexcept;

private:
  int fd_ = -1;
};

/// open(2) with O_CLOEXEC and EINTR handled. Errors: throws, naming `path`.
Fd open_file(const std::string& path, int flags, mode_t mode = 0);

/// Reads until `into` is full or the file ends; returns how much. `name` is for messages.
std::size_t read_at(int fd, std::uint64_t offset, MutableBytes into, const std::string& name);
std::size_t read_some(int fd, MutableBytes into, const std::string& name);
/// Writes all of it, whatever the kernel takes at a time.
void write_all(int fd, ByteView bytes, const std::string& name);
void write_at(int fd, std::uint64_t offset, ByteView bytes, const std::string& name);
void sync_file(int fd, const std::string& name);

/// The whole file. Errors: invalid_input if it is larger than `size_max`.
Bytes read_file(const std::string& path, std::size_t size_max);

/// A read-only mapping of a file of our own cache (never of a user's file: a truncated one would
/// kill us).
class MappedFile {
public:
  MappedFile() = default;
  static MappedFile open(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  ByteView view() const { return {data_, size_}; }

private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace holdfast::base
