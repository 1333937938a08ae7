#include "ssh_process.hpp"

#include "base/child_process.hpp"
#include "base/error.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace holdfast::storage {

using base::Error;

namespace {

constexpr int end_grace_ms = 2000;

/// A socket where a pipe would do: writing to one whose reader is gone can be told not to signal.
base::Pipe make_input() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw base::system_error(errno, "making a pipe");
  }
  return {base::Fd(ends[0]), base::Fd(ends[1])};
}

void do_not_block(int fd) {
  if (::fcntl(fd, F_SETFL, O_NONBLOCK) != 0) throw base::system_error(errno, "preparing a pipe");
}

pid_t start_ssh(const std::vector<std::string>& arguments, int input, int output, int errors) {
  try {
    return base::start_process(arguments, input, output, errors);
  } catch (Error& error) {
    error.set_hint("install the OpenSSH client (Debian: apt install openssh-client)");
    throw;
  }
}

}  // namespace

SshProcess::SshProcess(const std::vector<std::string>& arguments) {
  auto input = make_input();
  auto output = base::make_pipe();
  auto errors = base::make_pipe();
  process_ =
      start_ssh(arguments, input.read_end.get(), output.write_end.get(), errors.write_end.get());
  handle_ = base::Fd(static_cast<int>(::syscall(SYS_pidfd_open, process_, 0)));
  input_ = std::move(input.write_end);
  output_ = std::move(output.read_end);
  errors_ = std::move(errors.read_end);
  do_not_block(input_.get());
  do_not_block(output_.get());
  do_not_block(errors_.get());
}

SshProcess::~SshProcess() {
  input_.reset();
  pollfd ended{handle_.get(), POLLIN, 0};
  if (!handle_ || ::poll(&ended, 1, end_grace_ms) <= 0) kill();
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {}
}

void SshProcess::kill() const { ::kill(process_, SIGKILL); }

}  // namespace holdfast::storage
