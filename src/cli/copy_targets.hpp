#pragma once

#include "session.hpp"
#include "storage/backend.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::cli {

/// A place that has, or is to have, a copy of the repository.
struct CopyTarget {
  std::string name;                      // in the configuration; else its URL
  std::string url;                       // as it was written
  bool offline = false;                  // expected to be away
  const config::Store* store = nullptr;  // of the configuration
};

/// The stores called `named` (names of the configuration, or URLs); without any, all that a site of
/// the configuration lists in `copies`. Errors: not_found with what there is; invalid_input when
/// there is none, or for the repository itself.
std::vector<CopyTarget> copy_targets(Session& session, const std::vector<std::string>& named);
/// All that any site lists; none without a configuration.
std::vector<CopyTarget> configured_copies(Session& session);
/// Those that `site` lists; none without a configuration or for a site that is not in it.
std::vector<CopyTarget> copy_targets_of_site(Session& session, const std::string& site);

/// The store of a copy. Errors: not_found, with what to do, when there is none and `create` is not
/// set: a disk that is not mounted must not become an empty copy.
std::unique_ptr<storage::Backend> open_copy_store(Session& session, const CopyTarget& target,
                                                  bool create);

/// Copies by their names in the configuration, each opened when it is first asked for.
class CopyStores {
public:
  explicit CopyStores(Session& session) : session_(session) {}

  /// Null when no site lists it, when it is not at hand, or when another repository is there.
  storage::Backend* find(const std::string& name);

private:
  Session& session_;
  std::map<std::string, std::unique_ptr<storage::Backend>> stores_;
};

/// Runs `work` on each target; it adds an object to the array `key` of the report and returns an
/// exit code. One that fails does not keep the others from their turn: `failed` adds the object in
/// its place. When there is one alone, it fails as it does. Returns the first code that is not 0.
int for_each_copy(Session& session, std::string_view key, const std::vector<CopyTarget>& targets,
                  const std::function<int(const CopyTarget&)>& work,
                  const std::function<void(const CopyTarget&, const Failure&)>& failed);

struct OpenedCopy {
  CopyTarget target;
  std::unique_ptr<storage::Backend> store;
};
/// The one of `targets` that answers fastest; nothing when none does.
std::optional<OpenedCopy> open_nearest_copy(Session& session,
                                            const std::vector<CopyTarget>& targets);

}  // namespace holdfast::cli
