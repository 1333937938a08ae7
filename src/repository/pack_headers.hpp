#pragma once

#include "base/ids.hpp"
#include "pipeline/pack.hpp"
#include "repository/index.hpp"
#include "storage/backend.hpp"

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace holdfast::repository {

/// Headers of packs that were read lately, shared by all readers: one small read a pack. Any
/// thread.
class PackHeaders {
public:
  using Header = std::shared_ptr<const pipeline::PackHeader>;  // outlives its place in the cache

  explicit PackHeaders(storage::Backend& backend) : backend_(backend) {}
  /// Errors: not_found, corrupt also when it is not the header of `pack`.
  Header get(const PackInfo& pack);

private:
  static constexpr std::size_t kept_max = 4096;  // about 1.5 MB

  storage::Backend& backend_;
  std::mutex mutex_;
  std::list<base::PackId> recent_;  // newest first
  struct Entry {
    Header header;
    std::list<base::PackId>::iterator place;
  };
  std::unordered_map<base::PackId, Entry> headers_;
};

}  // namespace holdfast::repository
