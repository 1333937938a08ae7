#pragma once

#include "base/fd.hpp"

#include <cstdint>
#include <string>
#include <sys/stat.h>

namespace holdfast::sources {

/// openat2 that stays beneath `directory` and follows no link, with O_CLOEXEC, and O_NOATIME where
/// that is allowed. Returns -1 and errno when it fails; EINTR and EAGAIN are tried again.
int open_beneath(int directory, const char* name, std::uint64_t flags);

/// open(2) of a path that the operator gave: links in the middle are followed, the last part is
/// not.
int open_given(const char* path, int flags);

/// Lets this process open as many files as the hard limit allows. False when that changes nothing.
bool raise_descriptor_limit();

/// Errors: unsupported when there is no /proc, without which attributes cannot be read by handle.
void require_proc();

/// How an entry of an open directory is named to calls that know paths only.
std::string path_by_handle(int directory, const std::string& name);

}  // namespace holdfast::sources
