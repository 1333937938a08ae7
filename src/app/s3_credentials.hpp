#pragma once

#include "storage/s3/s3_backend.hpp"
#include "store_context.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace holdfast::app {

/// What the kinds of buckets differ in.
struct BucketKind {
  std::string_view scheme;
  BucketEnvironment StoreEnvironment::* environment;
  const char* usual_profile;
  const char* credentials_hint;
};
const BucketKind& kind_of_bucket(const storage::Location& location);

/// Where roles are taken: AWS's service of the region, or an S3 server of one's own, which has that
/// too.
struct RoleService {
  std::string endpoint{};
  std::string region{};
};

/// From where configuration and environment say, asked again before they expire: keys, a command, a
/// profile; where that names a role, credentials of the role.
storage::S3CredentialSource credential_source(const storage::Location& location,
                                              const StoreContext& context,
                                              std::shared_ptr<net::HttpClient> http,
                                              RoleService service);

}  // namespace holdfast::app
