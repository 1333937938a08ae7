#pragma once

#include "base/bytes.hpp"
#include "base/fd.hpp"

#include <cstdint>
#include <string>

namespace holdfast::base {

/// A file that appears whole under its name, or not at all, and survives a power cut once it did.
///
/// How:    a temporary name in the same directory, held by flock (so that a later run knows which
///         leftovers have no owner), full write, fsync, link or rename, directory fsync.
/// Errors: a failed fsync is final for this file: the caller writes the object again under a new
/// one. Drop without commit means abandon: the temporary file is removed.
class DurableFile {
public:
  enum class Existing { keep, replace };
  enum class Outcome { stored, already_there };

  /// `path` is the final name; its directory must exist.
  DurableFile(std::string path, mode_t mode);
  ~DurableFile();
  DurableFile(DurableFile&& other) noexcept;
  DurableFile& operator=(DurableFile&&) = delete;

  void append(ByteView bytes);
  std::uint64_t size() const { return size_; }
  /// Makes the file durable under its name. With `keep`, an existing file stays as it is.
  [[nodiscard]] Outcome commit(Existing existing);
  /// Gives the file its name at once, replacing what was there, without waiting for the disk: after
  /// a power cut it may be the old one, empty or torn. For caches that carry a checksum.
  void commit_cache();

private:
  std::string path_;
  std::string temporary_;
  Fd file_;
  std::uint64_t size_ = 0;
};

/// Writes a whole small file, replacing what was there.
void write_durably(const std::string& path, ByteView bytes, mode_t mode);
/// As write_durably, but by commit_cache: for caches that carry a checksum.
void write_cache(const std::string& path, ByteView bytes, mode_t mode);
/// fsync of a directory, so that names in it survive.
void sync_directory(const std::string& path);
/// mkdir -p with directory fsyncs.
void make_directories(const std::string& path, mode_t mode);
/// Removes temporary files in `directory` whose writer is gone and that were last changed before
/// then (seconds since 1970); returns how many.
std::size_t remove_abandoned_files(const std::string& directory,
                                   std::int64_t changed_before = INT64_MAX);
/// How DurableFile names temporaries: everything that starts with this is not an object.
inline constexpr const char* temporary_prefix = ".tmp-";

}  // namespace holdfast::base
