#include "storage/location.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

Location parse_location(const std::string& text) {
  if (text.empty()) throw Error(ErrorKind::invalid_input, "the location of a repository is empty");
  std::string scheme = "file";
  std::string path = text;
  if (const auto separator = text.find("://"); separator != std::string::npos) {
    scheme = text.substr(0, separator);
    path = text.substr(separator + 3);
  }
  if (scheme == "memory") return {scheme, path};
  if (scheme != "file") {
    throw Error(ErrorKind::unsupported,
                fmt::format("'{}' names a kind of store that is not known", base::printable(text)))
        .set_hint("use a path or file:///path");
  }
  if (path.empty() || (path != text && path.front() != '/')) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("'{}' has no absolute path after file://", base::printable(text)))
        .set_hint("write file:///path with three slashes, or the path alone");
  }
  auto absolute = std::filesystem::absolute(path).lexically_normal().string();
  while (absolute.size() > 1 && absolute.back() == '/')
    absolute.pop_back();
  return {scheme, absolute};
}

}  // namespace holdfast::storage
