#pragma once

#include "base/error.hpp"
#include "sources/source.hpp"

#include <functional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unordered_map>
#include <unordered_set>

namespace holdfast::sources {

/// Tells a problem of one item: kind and words are those of `error`.
ItemProblem problem_of(std::string path, const base::Error& error);

/// Turns what the kernel says about a file into entries, remembering what is the same for many
/// files. Threads: all calls are safe.
class EntryReader {
public:
  explicit EntryReader(std::uint64_t root_device);

  /// Entry and identity, without details. Errors: unsupported for a kind of file that POSIX does
  /// not know.
  void fill_status(const struct stat& status, ListedEntry& listed);

  /// Where the details of an entry are read: by an open file where there is one.
  struct Place {
    const char* access_path = nullptr;  // its last part is not followed
    int file = -1;
    std::function<std::string()> display_path;  // for problems
  };
  /// Link target, attributes and owner names. Errors: throws when a link has no target to read.
  void fill_details(const Place& place, ListedEntry& listed, const ProblemSink& problems);

private:
  std::uint64_t hard_link_number(const struct stat& status) const;
  void fill_owner_names(Entry& entry);
  void fill_attributes(const Place& place, ListedEntry& listed);
  bool lacks_attributes(std::uint64_t device);
  template <class Lookup>
  std::string cached_name(std::unordered_map<std::uint32_t, std::string>& cache, std::uint32_t id,
                          Lookup lookup);

  std::shared_mutex mutex_;
  std::unordered_map<std::uint32_t, std::string> user_names_;
  std::unordered_map<std::uint32_t, std::string> group_names_;
  std::unordered_set<std::uint64_t> devices_without_attributes_;
  const std::uint64_t root_device_;
};

}  // namespace holdfast::sources
