#pragma once

#include "webdav_client.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace holdfast::storage {

/// Whether a server can be written to, found out by trying it with files that nobody needs, once,
/// before the first object. Threads: all calls from any.
class WebdavAbilities {
public:
  explicit WebdavAbilities(WebdavClient& client) : client_(client) {}
  /// Errors: unsupported when the server replaces files, or makes folders that are there, although
  /// it is asked not to.
  void require_exclusive_create();

private:
  void try_folders();
  void try_files();

  WebdavClient& client_;
  std::atomic<bool> known_ = false;
};

/// An object while it is written; in memory until commit.
std::unique_ptr<ObjectWriter> write_webdav_object(WebdavClient& client, std::string name);

}  // namespace holdfast::storage
