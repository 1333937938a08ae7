#pragma once

#include "base/bytes.hpp"
#include "base/progress.hpp"
#include "repository/repository.hpp"
#include "repository/snapshot.hpp"

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace holdfast::archive {

/// `tar` is POSIX pax: extended attributes, access lists, holes, hard links, devices, nanoseconds,
/// names of any length and bytes. `zip` holds files, directories and symlinks, seconds and modes;
/// of a file with several names it has a copy for each.
enum class Format : std::uint8_t { tar, tar_zst, zip };

struct ExportRequest {
  Format format = Format::tar;
  /// Absolute, as in the snapshot: the contents of a directory, or a single file. Empty:
  /// everything, by absolute paths without the slash at their front.
  std::string path;
};

/// An entry that the format cannot hold.
struct LeftOut {
  std::string path;  // in the snapshot
  std::string why;
};

struct ExportReport {
  std::uint64_t files = 0;  // hard links included
  std::uint64_t directories = 0;
  std::uint64_t other = 0;
  std::uint64_t bytes = 0;          // of file content, holes included
  std::uint64_t archive_bytes = 0;  // given to the sink
  std::uint64_t left_out_count = 0;
  std::vector<LeftOut> left_out;  // the first left_out_max of them
  static constexpr std::size_t left_out_max = 1000;
};

/// Gives the archive to `sink`, front to back. Memory does not grow with what is exported, but for
/// the names of files that have several.
/// Errors: not_found when there is no such path; corrupt and the like, naming what could not be
///         read: the archive is then not whole and of no use; what `sink` throws; Cancelled.
ExportReport export_snapshot(repository::Repository& repository,
                             const repository::Snapshot& snapshot, const ExportRequest& request,
                             const std::function<void(base::ByteView)>& sink,
                             base::ProgressObserver& progress, const std::stop_token& stopping);

}  // namespace holdfast::archive
