#pragma once

#include "ftps_client.hpp"

#include <memory>
#include <mutex>
#include <string>

namespace holdfast::storage {

/// Where objects are before they have their names: folders below the store's own, whose names say
/// who made them (uploads) or which object they are for (claims). No object has such a name.
std::string uploads_folder(const FtpsClient& client);
std::string claims_folder(const FtpsClient& client);

/// What the server must be able to do before anything is written, tried once. Threads: any.
class FtpsAbilities {
public:
  explicit FtpsAbilities(FtpsClient& client) : client_(client) {}
  /// Makes the folders above. Errors: unsupported when the server moves a folder onto one that
  /// holds something; not_found when the store is gone.
  void require_exclusive_create();

private:
  void try_claims();

  FtpsClient& client_;
  std::mutex mutex_;
  bool known_ = false;
};

/// The object `name` while it is written.
std::unique_ptr<ObjectWriter> write_ftps_object(FtpsClient& client, std::string name);

}  // namespace holdfast::storage
