#pragma once

#include "s3_client.hpp"

namespace holdfast::storage {

/// Where a bucket of Aliyun or Tencent is; its prefix is left to the caller. Errors: invalid_input
/// for names that these clouds do not give, and where the region is not known.
S3Place resolve_cloud_place(const Location& location, const S3Options& options,
                            const S3Dialect& dialect);

}  // namespace holdfast::storage
