#pragma once

#include <cstdint>
#include <string>

namespace holdfast::storage {

/// Where a repository lives, as a person writes it: a path, or a URL.
struct Location {
  std::string scheme;  // "file", "memory", "sftp", later "s3", ...
  std::string path;    // absolute for "file" and "sftp"
  std::string user{};  // empty: not said
  std::string host{};
  std::uint16_t port = 0;  // 0: not said
  std::string url() const;
};

/// A plain path is a file location made absolute; "file:///x" likewise.
/// A URL with a host is scheme://user@host:port/path. Passwords do not belong into it.
/// Errors: invalid_input for an empty text or one that cannot be meant, unsupported for a scheme
/// that is not known here.
Location parse_location(const std::string& text);

}  // namespace holdfast::storage
