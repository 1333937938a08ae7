// What clouds say in words of their own that otherwise speak as S3 does.
#pragma once

#include "signing.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace holdfast::storage {

/// One for each scheme. Everything that is not in here is the same everywhere.
struct S3Dialect {
  std::string_view scheme;
  std::string_view provider;       // for people
  std::string_view header_prefix;  // of its own headers: "x-amz-"
  /// "Only if the name is free".
  std::string_view condition_name;
  std::string_view condition_value;
  std::string_view encryption_key_header;  // after the prefix
  /// What else makes a range mean what RFC 9110 says; empty: nothing.
  std::string_view range_header;
  std::string_view range_value;
  /// Lists go on after a token (ListObjectsV2), else after a marker.
  bool lists_by_token;
  /// The class of what was stored without saying one, and those that must be thawed before reading.
  std::string_view usual_class;
  std::array<std::string_view, 4> archive_classes;
  /// What in a request to thaw has the speed, and the word for a copy with other metadata.
  std::string_view thaw_element;
  std::string_view replaces_metadata;
  /// A policy of the bucket may protect all objects for days (GetBucketWorm).
  bool has_bucket_worm;
  /// Whether HEAD of a bucket is documented.
  bool has_head_of_bucket;
  /// The bucket stands in the host's name, nowhere else.
  bool is_cloud;
  /// In files of credentials.
  std::string_view id_name;
  std::string_view secret_name;
  std::string_view token_name;
  /// Adds date, token, checksum and Authorization.
  void (*sign)(ToSign& request, const SigningContext& context);

  /// "x-amz-storage-class" of "storage-class"
  std::string header(std::string_view name) const {
    return std::string(header_prefix).append(name);
  }
  bool is_archive(std::string_view storage_class) const {
    return !storage_class.empty() &&
           std::ranges::find(archive_classes, storage_class) != archive_classes.end();
  }
  net::Header only_if_absent() const {
    return {std::string(condition_name), std::string(condition_value)};
  }
};

/// Of the scheme of a location: "s3", "oss", "cos".
const S3Dialect& dialect_of(std::string_view scheme);

}  // namespace holdfast::storage
