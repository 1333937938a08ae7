#include "kernel.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/syscall.h>

namespace holdfast::sources {
namespace {

constexpr int busy_attempts_max = 16;

/// O_NOATIME is for owners and the superuser; everybody else reads without it.
template <class Open>
int with_and_without_noatime(Open open, std::uint64_t flags) {
  int attempts = 0;
  for (;;) {
    const int fd = open(flags);
    if (fd >= 0) return fd;
    if (errno == EPERM && (flags & O_NOATIME) != 0) {
      flags &= ~std::uint64_t{O_NOATIME};
    } else if (errno != EINTR && (errno != EAGAIN || ++attempts >= busy_attempts_max)) {
      return -1;
    }
  }
}

}  // namespace

int open_beneath(int directory, const char* name, std::uint64_t flags) {
  const auto open = [&](std::uint64_t with) {
    open_how how{};
    how.flags = with;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    return static_cast<int>(::syscall(SYS_openat2, directory, name, &how, sizeof how));
  };
  // With O_PATH only the flags that say what to open are allowed.
  const std::uint64_t extra = (flags & O_PATH) != 0 ? O_CLOEXEC : O_CLOEXEC | O_NOATIME;
  return with_and_without_noatime(open, flags | extra);
}

int open_given(const char* path, int flags) {
  const auto open = [&](std::uint64_t with) { return ::open(path, static_cast<int>(with)); };
  return with_and_without_noatime(
      open, static_cast<std::uint64_t>(flags | O_CLOEXEC | O_NOFOLLOW | O_NOATIME));
}

bool raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return false;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

void require_proc() {
  if (::access("/proc/self/fd", X_OK) == 0) return;
  throw base::Error(base::ErrorKind::unsupported, "there is no /proc/self/fd")
      .set_hint("mount /proc: extended attributes are read through it");
}

std::string path_by_handle(int directory, const std::string& name) {
  return fmt::format("/proc/self/fd/{}/{}", directory, name);
}

}  // namespace holdfast::sources
