// What is done to single objects, and what is known of how a store answers conditions.
#pragma once

#include "s3_client.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace holdfast::storage {

/// What an object is for: `content` is what restores read, and little else.
enum class ObjectUse : std::uint8_t { metadata, content };
/// Headers that every new object gets: class, encryption, and the mark by which its writer knows
/// it.
net::Headers headers_of_new_object(const S3Client& client, const std::string& mark, ObjectUse use);
/// Asks for a page of objects, the first one or that which `next` names.
Query query_of_list(const S3Dialect& dialect, const std::string& prefix, std::size_t count_max,
                    const std::string& next = {});

struct StoredObject {
  std::uint64_t size = 0;
  std::string mark{};     // empty: it has none
  std::string version{};  // empty: the bucket keeps none
  std::optional<base::WallTime> locked_until{};
  bool is_on_hold = false;      // a legal hold: locked until somebody takes it away
  std::string storage_class{};  // empty: the usual one
  std::string restoring{};      // what the store says of a thaw; empty: nothing
  bool is_archived = false;     // in a class that must be thawed
  std::optional<base::WallTime> modified{};
};
/// For a PUT that copies an object onto itself, as a new object with the same mark.
net::Headers headers_of_copy(const S3Client& client, const std::string& key,
                             const StoredObject& there, const std::string& storage_class);
/// Nothing when there is no such object. `name` is for messages; of `version`, if one is named.
/// Errors: not_found when the bucket is gone.
std::optional<StoredObject> look_at_object(S3Client& client, const std::string& key,
                                           const std::string& name,
                                           const std::string& version = {});
/// Errors: not_found when the bucket is not there, access_denied, ...
void require_bucket(S3Client& client);
/// What the store's clock says.
std::optional<base::WallTime> time_of_bucket(S3Client& client);

/// What cannot be an object's name: what keeps these keys out of lists.
std::string hidden_key(const S3Client& client, const std::string& name);

/// What a store does with "only if the name is free", found out by trying it on an object that
/// nobody needs, once, when it is first asked for. Threads: all calls from any.
class S3Conditions {
public:
  explicit S3Conditions(S3Client& client) : client_(client) {}

  /// Whether a PUT of a whole object can be exclusive. Errors: unsupported when it cannot, versions
  /// do not decide either, and the options do not accept that.
  bool put_is_exclusive();
  /// Where a PUT cannot: whether the bucket keeps versions, of which the first one counts.
  bool versions_decide() const { return keeps_versions_; }
  /// Whether the end of a multipart upload can be.
  bool complete_is_exclusive();

private:
  enum class Known : std::uint8_t { nothing, yes, no };
  bool try_put();
  bool try_complete();
  void clear_probe();

  S3Client& client_;
  std::atomic<Known> put_ = Known::nothing;
  std::atomic<Known> complete_ = Known::nothing;
  std::atomic<bool> keeps_versions_ = false;
};

}  // namespace holdfast::storage
