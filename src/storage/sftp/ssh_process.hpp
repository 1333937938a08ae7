#pragma once

#include "base/fd.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace holdfast::storage {

/// The user's ssh, started with pipes for its input, output and errors. It is in a process group of
/// its own, so that a key pressed at the terminal does not cut a connection that is still to be
/// ended in order.
class SshProcess {
public:
  /// `arguments` begin with the program. Errors: not_found when it is not installed; io.
  explicit SshProcess(const std::vector<std::string>& arguments);
  /// Closes its input, gives it a moment to end, and ends it.
  ~SshProcess();
  SshProcess(const SshProcess&) = delete;
  SshProcess& operator=(const SshProcess&) = delete;

  int input() const { return input_.get(); }    // a socket, not blocking
  int output() const { return output_.get(); }  // not blocking
  int errors() const { return errors_.get(); }  // not blocking
  /// Ends it at once: every read and write fails from here on. Threads: any.
  void kill() const;

private:
  pid_t process_ = -1;
  base::Fd handle_;
  base::Fd input_;
  base::Fd output_;
  base::Fd errors_;
};

}  // namespace holdfast::storage
