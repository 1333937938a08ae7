#pragma once

#include "webdav_files.hpp"

#include <string>
#include <vector>

namespace holdfast::storage {

/// Where files lie while they are no objects yet, and claims. No object has such a name.
inline constexpr const char* uploads_folder = "~uploads/";
inline constexpr const char* claims_folder = "~claims/";

/// The name of an object as one part of a path; no two have the same.
std::string flat_name(const std::string& name);
/// The file that a writer sends before it gets its name. `mark` is the writer's own.
std::string upload_path(const std::string& name, const std::string& mark);

/// The right to give a name to an object, held by one writer at a time: a folder that has the name
/// of the object. Servers answer "make this folder" by one system call that fails when it is there,
/// while most that move a file look for the target first and move then, so that two that ask at
/// once both succeed. It is given up when dropped.
/// Threads: one at a time.
class Claim {
public:
  Claim(WebdavClient& client, std::string name, std::string mark);
  ~Claim();
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  /// Waits for whoever holds it; the upload of this writer must be there. False: the object is
  /// there. Errors: conflict when somebody holds it for too long.
  bool take();
  /// Errors: conflict when it was held so long that another may have taken it over.
  void require_fresh() const;

private:
  enum class Attempt { ours, taken, perhaps_ours };
  Attempt try_to_take();
  /// The marks of other writers of this name whose uploads are there.
  std::vector<std::string> rivals();
  /// Removes a claim whose writer died.
  void break_if_stale();

  WebdavClient& client_;
  const std::string name_;
  const std::string mark_;
  const std::string path_;
  const std::string doing_;
  base::Instant asked_at_{};
  bool is_held_ = false;
};

}  // namespace holdfast::storage
