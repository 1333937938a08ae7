#include "base/temporary_directory.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace holdfast::base {

namespace {

std::string default_parent() {
  std::error_code failure;
  const auto path = std::filesystem::temp_directory_path(failure);
  if (failure)
    throw system_error(failure.value(), "using " + path.string() + " for temporary files");
  return path.string();
}

}  // namespace

TemporaryDirectory::TemporaryDirectory(const std::string& parent)
    : path_((parent.empty() ? default_parent() : parent) + "/holdfast-XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr) {
    throw system_error(errno, "making a temporary directory " + path_);
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  // What cannot be removed stays: a destructor has nobody to tell, and nothing depends on it.
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace holdfast::base
