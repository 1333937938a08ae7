#pragma once

#include "bucket_worm.hpp"
#include "s3_locks.hpp"
#include "s3_objects.hpp"
#include "storage/backend.hpp"

#include <memory>
#include <string>

namespace holdfast::storage {

/// What writers need. Borrowed.
struct S3Writing {
  S3Client& client;
  S3Conditions& conditions;
  S3Versions& versions;
  S3Locks& locks;
  BucketWorm& worm;
};

/// An object named `name` with the key `key`, while it is written.
std::unique_ptr<ObjectWriter> write_s3_object(const S3Writing& with, std::string name,
                                              std::string key);

/// Names that a multipart upload claims before it is complete, where its end cannot be exclusive:
/// keys begin with this.
std::string claims_prefix(const S3Client& client);

}  // namespace holdfast::storage
