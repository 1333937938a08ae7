#pragma once

#include <string>

namespace holdfast::storage {

/// Where a repository lives, as a person writes it: a path, or a URL.
struct Location {
  std::string scheme;  // "file", "memory", later "sftp", "s3", ...
  std::string path;    // for "file": absolute
  std::string url() const { return scheme + "://" + path; }
};

/// A plain path is a file location made absolute; "file:///x" likewise.
/// Errors: invalid_input for an empty text, unsupported for a scheme that is not known here.
Location parse_location(const std::string& text);

}  // namespace holdfast::storage
