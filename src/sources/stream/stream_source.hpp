#pragma once

#include "base/fd.hpp"
#include "sources/source.hpp"

#include <memory>
#include <string>
#include <vector>

namespace holdfast::sources {

/// What arrives on a file descriptor (standard input). Borrows `fd`.
std::unique_ptr<StreamSource> open_fd_stream(int fd, const std::string& path);

/// What a command prints. It is started with an argument vector, no shell; its standard error is
/// passed on and its last lines kept for the message; its exit status decides. It reads from
/// `input`, or nothing when that is no open descriptor. Errors: source_failed when it cannot start.
std::unique_ptr<StreamSource> open_command(const std::vector<std::string>& arguments,
                                           const std::string& path, base::Fd input = {});

}  // namespace holdfast::sources
