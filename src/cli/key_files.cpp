#include "key_files.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/units.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sys/stat.h>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

constexpr mode_t secret_mode = 0600;

/// Errors: access_denied with a hint that says how to mend it.
void expect_private(int fd, const std::string& path, const std::string& name) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) throw base::system_error(errno, "looking at " + name);
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::access_denied, fmt::format("{} is not a regular file", name));
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    throw Error(ErrorKind::access_denied, fmt::format("{} belongs to another user", name))
        .set_hint("use a key file of your own");
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) == 0) return;
  throw Error(ErrorKind::access_denied,
              fmt::format("{} can be used by others (mode {:04o}), so it is not", name,
                          status.st_mode & 07777U))
      .set_hint(fmt::format("chmod 600 {}; if others may have read it, let the owner remove the "
                            "key and make another",
                            base::printable(path)));
}

base::Secret read_secret_file(const std::string& path, const char* what, std::size_t size_max) {
  const auto name = fmt::format("{} {}", what, base::printable(path));
  // Not blocked by a pipe that nobody writes to.
  const auto file = base::open_file(path, O_RDONLY | O_NONBLOCK);
  expect_private(file.get(), path, name);
  base::Secret content(size_max + 1);
  const auto size = base::read_at(file.get(), 0, content.mutable_view(), name);
  if (size > size_max) throw Error(ErrorKind::invalid_input, name + " is too large to be one");
  return base::Secret(content.view().first(size));
}

}  // namespace

repository::KeyFile read_key_file(const std::string& path) {
  const auto text = read_secret_file(path, "the key file", repository::key_file_size_max);
  return base::with_context([&] { return "the key file " + base::printable(path); },
                            [&] { return repository::parse_key_file(text.view()); });
}

std::vector<repository::KeyShare> read_share_files(const std::vector<std::string>& paths) {
  std::vector<repository::KeyShare> shares;
  for (const auto& path : paths) {
    const auto text = read_secret_file(path, "the share", repository::share_file_size_max);
    shares.push_back(base::with_context([&] { return "the share " + base::printable(path); },
                                        [&] { return repository::parse_share(text.view()); }));
  }
  return shares;
}

void write_secret_file(const std::string& path, const base::Secret& content) {
  base::DurableFile file(path, secret_mode);
  file.append(content.view());
  if (file.commit(base::DurableFile::Existing::keep) == base::DurableFile::Outcome::stored) return;
  throw Error(ErrorKind::already_exists, fmt::format("{} is there already", base::printable(path)))
      .set_hint("choose another name: a key is never written over another");
}

}  // namespace holdfast::cli
