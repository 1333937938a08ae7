#pragma once

#include "base/bytes.hpp"
#include "base/fd.hpp"
#include "base/ids.hpp"
#include "fingerprint.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace holdfast::backup {

/// What a run has done so far, so that one that was killed is not done again: the packs it stored
/// and the nodes of the files it finished.
///
/// How:    records appended to one file, each with its own checksum; a torn tail ends the reading.
/// A node is worth using only
///         if all its chunks are found in the index or in the packs named here, so that nothing
///         needs to be fsynced. The file is removed when the run's snapshot is committed.
/// Threads: calls from one thread at a time.
class RunJournal {
public:
  /// Reads what an earlier run left for `site`, then goes on appending to it.
  RunJournal(const std::string& directory, const std::string& site);

  const std::vector<base::PackId>& packs() const { return packs_; }
  bool has_files() const { return !nodes_.empty(); }
  /// The encoded node of a file with this fingerprint.
  std::optional<base::Bytes> find(Fingerprint fingerprint) const;

  void add_pack(const base::PackId& pack);
  void add_file(Fingerprint fingerprint, base::ByteView node);
  void flush();
  /// The run is complete: there is nothing to resume.
  void remove();

private:
  void read_back();
  void append(std::uint8_t kind, base::ByteView head, base::ByteView body);

  struct Place {
    std::uint64_t offset = 0;
    std::uint32_t size = 0;
  };
  std::string path_;
  base::Fd file_;
  std::uint64_t end_ = 0;
  std::vector<base::PackId> packs_;
  std::unordered_map<Fingerprint, Place> nodes_;
  base::Bytes pending_;
};

}  // namespace holdfast::backup
