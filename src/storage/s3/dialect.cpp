#include "dialect.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>

namespace holdfast::storage {

namespace {

constexpr std::array dialects = {
    S3Dialect{.scheme = "s3",
              .provider = "S3",
              .header_prefix = "x-amz-",
              .condition_name = "If-None-Match",
              .condition_value = "*",
              .encryption_key_header = "server-side-encryption-aws-kms-key-id",
              .range_header = "",
              .range_value = "",
              .lists_by_token = true,
              .usual_class = "STANDARD",
              .archive_classes = {"GLACIER", "DEEP_ARCHIVE"},
              .thaw_element = "GlacierJobParameters",
              .replaces_metadata = "REPLACE",
              .has_bucket_worm = false,
              .has_head_of_bucket = true,
              .is_cloud = false,
              .id_name = "aws_access_key_id",
              .secret_name = "aws_secret_access_key",
              .token_name = "aws_session_token",
              .sign = sign_for_aws},
    // Without the header for ranges one that reaches beyond the end gets the whole object.
    S3Dialect{.scheme = "oss",
              .provider = "Aliyun OSS",
              .header_prefix = "x-oss-",
              .condition_name = "x-oss-forbid-overwrite",
              .condition_value = "true",
              .encryption_key_header = "server-side-encryption-key-id",
              .range_header = "x-oss-range-behavior",
              .range_value = "standard",
              .lists_by_token = true,
              .usual_class = "Standard",
              .archive_classes = {"Archive", "ColdArchive", "DeepColdArchive"},
              .thaw_element = "JobParameters",
              .replaces_metadata = "REPLACE",
              .has_bucket_worm = true,
              .has_head_of_bucket = false,
              .is_cloud = true,
              .id_name = "accessKeyID",
              .secret_name = "accessKeySecret",
              .token_name = "stsToken",
              .sign = sign_for_oss},
    S3Dialect{.scheme = "cos",
              .provider = "Tencent COS",
              .header_prefix = "x-cos-",
              .condition_name = "x-cos-forbid-overwrite",
              .condition_value = "true",
              .encryption_key_header = "server-side-encryption-cos-kms-key-id",
              .range_header = "",
              .range_value = "",
              .lists_by_token = false,
              .usual_class = "STANDARD",
              .archive_classes = {"ARCHIVE", "DEEP_ARCHIVE", "MAZ_ARCHIVE", "MAZ_DEEP_ARCHIVE"},
              .thaw_element = "CASJobParameters",
              .replaces_metadata = "Replaced",
              .has_bucket_worm = false,
              .has_head_of_bucket = true,
              .is_cloud = true,
              .id_name = "secret_id",
              .secret_name = "secret_key",
              .token_name = "token",
              .sign = sign_for_cos},
};

}  // namespace

const S3Dialect& dialect_of(std::string_view scheme) {
  const auto* const found = std::ranges::find(dialects, scheme, &S3Dialect::scheme);
  HF_ASSERT(found != dialects.end(), "who opens a bucket knows its scheme");
  return *found;
}

}  // namespace holdfast::storage
