#include "base/child_process.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>

extern char** environ;

namespace holdfast::base {

namespace {

void check(int code) {
  if (code != 0) throw system_error(code, "preparing a process");
}

class SpawnSetup {
public:
  SpawnSetup(int input, int output, int errors) {
    check(::posix_spawn_file_actions_init(&actions_));
    check(::posix_spawnattr_init(&attributes_));
    check(input >= 0 ? ::posix_spawn_file_actions_adddup2(&actions_, input, 0)
                     : ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0));
    check(::posix_spawn_file_actions_adddup2(&actions_, output, 1));
    check(::posix_spawn_file_actions_adddup2(&actions_, errors, 2));
    check(::posix_spawn_file_actions_addclosefrom_np(&actions_, 3));
    sigset_t signals;
    sigemptyset(&signals);
    check(::posix_spawnattr_setsigmask(&attributes_, &signals));
    // What we ignore or handle is our affair; a program expects a plain process.
    for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD})
      sigaddset(&signals, signal);
    check(::posix_spawnattr_setsigdefault(&attributes_, &signals));
    check(::posix_spawnattr_setpgroup(&attributes_, 0));
    check(::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  }
  ~SpawnSetup() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  /// 0, or what went wrong, the failure of exec included.
  int start(std::vector<char*>& arguments, pid_t& process) const {
    return ::posix_spawnp(&process, arguments[0], &actions_, &attributes_, arguments.data(),
                          environ);
  }

private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error(errno, "making a pipe");
  return {Fd(ends[0]), Fd(ends[1])};
}

pid_t start_process(const std::vector<std::string>& arguments, int input, int output, int errors) {
  HF_ASSERT(!arguments.empty(), "a program has a name");
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (const auto& argument : arguments)
    pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  pid_t process = -1;
  const int code = SpawnSetup(input, output, errors).start(pointers, process);
  if (code == 0) return process;
  throw system_error(code, fmt::format("starting '{}'", printable(arguments.front())));
}

}  // namespace holdfast::base
