#include "ssh_process.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char** environ;

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr int end_grace_ms = 2000;

struct Pipe {
  base::Fd read_end;
  base::Fd write_end;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw base::system_error(errno, "making a pipe");
  return {base::Fd(ends[0]), base::Fd(ends[1])};
}

/// A socket where a pipe would do: writing to one whose reader is gone can be told not to signal.
Pipe make_input() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw base::system_error(errno, "making a pipe");
  }
  return {base::Fd(ends[0]), base::Fd(ends[1])};
}

void check(int code) {
  if (code != 0) throw base::system_error(code, "preparing ssh");
}

void do_not_block(int fd) {
  if (::fcntl(fd, F_SETFL, O_NONBLOCK) != 0) throw base::system_error(errno, "preparing a pipe");
}

/// posix_spawnp with three descriptors and nothing else of ours.
pid_t spawn(const std::vector<std::string>& arguments, int input, int output, int errors) {
  std::vector<char*> vector;
  for (const auto& argument : arguments)
    vector.push_back(const_cast<char*>(argument.c_str()));
  vector.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  check(::posix_spawn_file_actions_init(&actions));
  check(::posix_spawnattr_init(&attributes));
  check(::posix_spawn_file_actions_adddup2(&actions, input, 0));
  check(::posix_spawn_file_actions_adddup2(&actions, output, 1));
  check(::posix_spawn_file_actions_adddup2(&actions, errors, 2));
  check(::posix_spawn_file_actions_addclosefrom_np(&actions, 3));
  sigset_t signals;
  sigemptyset(&signals);
  check(::posix_spawnattr_setsigmask(&attributes, &signals));
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD})
    sigaddset(&signals, signal);
  check(::posix_spawnattr_setsigdefault(&attributes, &signals));
  check(::posix_spawnattr_setpgroup(&attributes, 0));
  check(::posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  pid_t process = -1;
  const int code =
      ::posix_spawnp(&process, vector[0], &actions, &attributes, vector.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (code == 0) return process;
  throw Error(code == ENOENT ? ErrorKind::not_found : ErrorKind::io,
              base::system_error(code, fmt::format("starting '{}'", arguments.front())).what())
      .set_hint("install the OpenSSH client (Debian: apt install openssh-client)");
}

}  // namespace

SshProcess::SshProcess(const std::vector<std::string>& arguments) {
  auto input = make_input();
  auto output = make_pipe();
  auto errors = make_pipe();
  process_ = spawn(arguments, input.read_end.get(), output.write_end.get(), errors.write_end.get());
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
