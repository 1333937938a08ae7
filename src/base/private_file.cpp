#include "base/private_file.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/units.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <sys/stat.h>

namespace holdfast::base {

namespace {

/// Errors: access_denied with a hint that says how to mend it.
void expect_private(int fd, const std::string& path, const std::string& name) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) throw system_error(errno, "looking at " + name);
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::access_denied, fmt::format("{} is not a regular file", name));
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    throw Error(ErrorKind::access_denied, fmt::format("{} belongs to another user", name))
        .set_hint("use a file of your own");
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) == 0) return;
  throw Error(ErrorKind::access_denied,
              fmt::format("{} can be used by others (mode {:04o}), so it is not", name,
                          status.st_mode & 07777U))
      .set_hint(fmt::format("chmod 600 {}; if others may have read it, replace what is in it",
                            printable(path)));
}

}  // namespace

Secret read_private_file(const std::string& path, const std::string& name, std::size_t size_max) {
  // Not blocked by a pipe that nobody writes to.
  const auto file = open_file(path, O_RDONLY | O_NONBLOCK);
  expect_private(file.get(), path, name);
  Secret content(size_max + 1);
  const auto size = read_at(file.get(), 0, content.mutable_view(), name);
  if (size > size_max) throw Error(ErrorKind::invalid_input, name + " is too large to be one");
  return Secret(content.view().first(size));
}

}  // namespace holdfast::base
