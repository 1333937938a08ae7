// A directory that a test restores into, a directory beside it that must never change, and a
// description of everything in a tree.
#pragma once

#include "base/fd.hpp"
#include "base/progress.hpp"
#include "base/temporary_directory.hpp"
#include "restore/restore.hpp"
#include "safe_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <map>
#include <string>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

namespace holdfast::restore {

using Description = std::map<std::string, std::string>;

/// All that can be seen of what is at `at`/`name` but for its content.
inline std::string describe_entry(int at, const std::string& name) {
  struct stat status{};
  if (::fstatat(at, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return "gone";
  std::string text = fmt::format(
      "{:o} {}:{} links {} size {} time {}.{:09}", status.st_mode, status.st_uid, status.st_gid,
      S_ISDIR(status.st_mode) ? 0 : status.st_nlink, S_ISDIR(status.st_mode) ? 0 : status.st_size,
      status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  if (S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode))
    text += fmt::format(" device {}", status.st_rdev);
  const auto path = fmt::format("/proc/self/fd/{}/{}", at, name);
  std::array<char, 4096> buffer{};
  if (S_ISLNK(status.st_mode)) {
    const auto size = ::readlinkat(at, name.c_str(), buffer.data(), buffer.size());
    text +=
        " -> " + std::string(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  }
  const auto size = ::llistxattr(path.c_str(), buffer.data(), buffer.size());
  std::map<std::string, std::string> attributes;
  for (ssize_t i = 0; i < size;) {
    const std::string attribute = buffer.data() + i;
    std::array<char, 4096> value{};
    const auto length = ::lgetxattr(path.c_str(), attribute.c_str(), value.data(), value.size());
    attributes[attribute] =
        std::string(value.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    i += static_cast<ssize_t>(attribute.size()) + 1;
  }
  for (const auto& [key, value] : attributes)
    text += fmt::format(" {}={}", key, value);
  return text;
}

inline std::string content_at(int at, const std::string& name) {
  const auto file = open_existing_file(at, name, O_RDONLY);
  if (!file) return {};
  std::string text(static_cast<std::size_t>(status_of(file->get(), name).st_size), '\0');
  base::read_at(file->get(), 0, std::as_writable_bytes(std::span(text)), name);
  return text;
}

inline void describe_below(int directory, const std::string& prefix, Description& found) {
  for (const auto& name : list_names(directory, prefix)) {
    auto& text = found[prefix + name];
    text = describe_entry(directory, name);
    const auto status = status_at(directory, name);
    if (status && S_ISREG(status->st_mode) && status->st_size < 100'000'000)
      text += " content " + content_at(directory, name);
    if (status && S_ISDIR(status->st_mode))
      describe_below(open_directory(directory, name, name).get(), prefix + name + "/", found);
  }
}

/// Everything in a tree by relative path.
inline Description describe(const std::string& path) {
  Description found;
  describe_below(base::open_file(path, O_RDONLY | O_DIRECTORY).get(), "", found);
  return found;
}

/// target/ to restore into, and around it things that must stay as they are.
class Sandbox {
public:
  Sandbox() {
    write(directory_.file("secret"), "do not touch");
    ::mkdir(directory_.file("outside").c_str(), 0755);
    write(directory_.file("outside/victim"), "do not touch either");
    before_ = describe_outside();
  }
  std::string outside(const std::string& name) const { return directory_.file(name); }
  std::string target() const { return directory_.file("target"); }
  std::string at(const std::string& name) const { return target() + "/" + name; }
  static void write(const std::string& path, const std::string& content) {
    const auto file = base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    base::write_all(file.get(), base::as_bytes(content), path);
  }
  static std::string read(const std::string& path) { return content_at(AT_FDCWD, path); }
  void expect_outside_unchanged() const { EXPECT_EQ(describe_outside(), before_); }

private:
  Description describe_outside() const {
    auto all = describe(directory_.path());
    std::erase_if(all, [](const auto& entry) { return entry.first.starts_with("target"); });
    return all;
  }
  base::TemporaryDirectory directory_;
  Description before_;
};

inline RestoreRequest request_into(const std::string& directory) {
  RestoreRequest request;
  request.directory = directory;
  request.threads = 2;
  request.special = true;
  return request;
}

}  // namespace holdfast::restore
