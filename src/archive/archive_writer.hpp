#pragma once

#include "archive/export.hpp"
#include "base/bytes.hpp"
#include "sources/entry.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace holdfast::archive {

/// Why `format` has no place for entries of this kind; empty when it has.
std::string_view why_left_out(Format format, sources::EntryKind kind);
/// Whether `format` can say that two names are one file.
bool has_hard_links(Format format);

/// One archive, entry after entry.
///
/// Errors: io naming the entry when libarchive refuses it; what the sink threw.
class ArchiveWriter {
public:
  using Sink = std::function<void(base::ByteView)>;

  ArchiveWriter(Format format, Sink sink);
  ~ArchiveWriter();

  /// An entry of a kind that the format has a place for. For a regular file exactly `entry.size`
  /// bytes of write() follow, holes as zeros.
  void begin(const std::string& path, const sources::Entry& entry);
  /// One more name of the file that was begun as `first`.
  void link(const std::string& path, const sources::Entry& entry, const std::string& first);
  void write(base::ByteView content);
  /// The end of the archive. Without it there is none: what was written is not whole.
  void finish();

  std::uint64_t bytes_given() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::archive
