#pragma once

#include <string>

namespace holdfast::base {

/// A fresh directory, removed with everything in it when dropped. For tests and sandboxes.
class TemporaryDirectory {
public:
  /// Under `parent`, or under $TMPDIR or /tmp when empty. Mode 0700.
  explicit TemporaryDirectory(const std::string& parent = {});
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

private:
  std::string path_;
};

}  // namespace holdfast::base
