// What a bucket has below a prefix, page by page. A store that does not come to an end is left.
#pragma once

#include "s3_client.hpp"
#include "xml.hpp"

#include <functional>
#include <string>
#include <vector>

namespace holdfast::storage {

/// All objects whose keys begin with `prefix`, in order of their keys.
/// Errors: corrupt when the list is not in order.
void list_s3_objects(S3Client& client, const std::string& prefix,
                     const std::function<void(const ListedObject&)>& visit);

/// All uploads below `prefix` that were begun and not completed.
std::vector<ListedUpload> list_s3_uploads(S3Client& client, const std::string& prefix);

/// All versions of all keys below `prefix`, key by key, the newest of each first. `more` may end
/// it: it is asked after each key.
void list_s3_versions(
    S3Client& client, const std::string& prefix,
    const std::function<bool(const std::string& key, const std::vector<ListedVersion>&)>& more);

/// Whether what a store says of a time is more than a day ago; no when it cannot be read.
bool is_older_than_a_day(const std::string& time, base::WallTime now);
/// What a store says of a time: "2026-11-20T10:00:00.000Z". Nothing when it cannot be read.
std::optional<base::WallTime> parse_s3_time(const std::string& time);

}  // namespace holdfast::storage
