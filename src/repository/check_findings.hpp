#pragma once

#include "base/error.hpp"
#include "base/ids.hpp"
#include "repository/check.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace holdfast::repository {

/// Whether a failure says that stored bytes are bad or gone. All else ends the check: a store that
/// does not answer is not damage.
bool is_damage(const base::Error& error);

/// What a check found so far; grows with the damage, up to a bound. Any thread.
class CheckFindings {
public:
  void add(const std::string& object, std::string_view message);
  /// Whether anything was, or may have been, found under `object`.
  bool has(const std::string& object) const;
  void add_affected(const std::string& object, std::string_view what);

  /// Chunks in this segment, or anywhere in the pack, cannot be read.
  void lose_segment(const base::PackId& pack, std::uint32_t position);
  void lose_pack(const base::PackId& pack);
  /// As lose_pack, and a problem of `object` unless forgive_missing is called.
  /// `where` goes on from "is missing".
  void miss_pack(const base::PackId& pack, const std::string& object, std::string_view where = "");
  /// Takes back what nobody is affected by: a prune that stood still for long may have named packs
  /// that another moved or deleted.
  void forgive_missing();
  bool lost_any() const;
  bool lost(const base::PackId& pack, std::uint32_t position) const;

  std::vector<CheckProblem> take();

private:
  mutable std::mutex mutex_;
  std::map<std::string, CheckProblem> problems_;
  struct Lost {
    bool whole = false;
    std::set<std::uint32_t> positions;
  };
  std::map<base::PackId, Lost> lost_;
  std::map<std::string, std::string> missing_;  // messages, by object
};

}  // namespace holdfast::repository
