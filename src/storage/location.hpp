#pragma once

#include <cstdint>
#include <string>

namespace holdfast::storage {

/// Where a repository lives, as a person writes it: a path, or a URL.
struct Location {
  /// "file", "memory", "sftp", "s3", "oss", "cos", "webdav", "webdavs", "https", "ftp", "ftps"
  std::string scheme;
  std::string path;    // absolute; empty: not said
  std::string user{};  // empty: not said
  std::string
      host{};  // for "s3" without a port the name of a bucket; likewise for "oss" and "cos",
               // or that of the bucket's host
  std::uint16_t port = 0;  // 0: not said
  std::string url() const;
};

/// A plain path is a file location made absolute; "file:///x" likewise.
/// A URL with a host is scheme://user@host:port/path. Passwords do not belong into it. Of a bucket it
/// is s3://bucket/prefix, or s3://host:port/bucket/prefix; at Aliyun and Tencent oss://bucket/prefix,
/// cos://bucket-appid/prefix, or the host of the bucket in its place; the prefix may be left out.
/// Errors: invalid_input for an empty text or one that cannot be meant, unsupported for a scheme
/// that is not known here.
Location parse_location(const std::string& text);

}  // namespace holdfast::storage
