#pragma once

#include "base/fd.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace holdfast::base {

struct Pipe {
  Fd read_end;
  Fd write_end;
};
/// Neither end is inherited. Errors: as system_error.
Pipe make_pipe();

/// Starts a program, found as a shell would find it, with three descriptors and nothing else of
/// ours: no other descriptor, no blocked or ignored signal, a process group of its own. Nothing to
/// read from when `input` is negative. The caller waits for the process.
///
/// Errors: as system_error, naming the program: not_found when there is none of that name.
pid_t start_process(const std::vector<std::string>& arguments, int input, int output, int errors);

}  // namespace holdfast::base
