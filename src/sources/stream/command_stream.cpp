#include "command_stream.hpp"

#include "base/child_process.hpp"
#include "base/error.hpp"
#include "base/units.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace holdfast::sources {
namespace {

constexpr int end_grace_ms =
    5000;  // between SIGTERM and SIGKILL: time for a dump tool to let its locks go
constexpr short ready = POLLIN | POLLHUP | POLLERR;

/// As read(2), with EINTR tried again.
ssize_t read_pipe(int fd, std::byte* into, std::size_t size) {
  for (;;) {
    const ssize_t got = ::read(fd, into, size);
    if (got >= 0 || errno != EINTR) return got;
  }
}

}  // namespace

CommandStream::CommandStream(const std::vector<std::string>& arguments, std::string path,
                             const base::Fd& input)
    : path_(std::move(path)) {
  if (arguments.empty() || arguments.front().empty())
    throw base::Error(base::ErrorKind::invalid_input, "there is no command to start");
  for (const std::string& argument : arguments) {
    if (argument.find('\0') != std::string::npos)
      throw base::Error(base::ErrorKind::invalid_input,
                        "an argument of the command has a zero byte");
  }
  command_ = base::printable(arguments.front());
  start(arguments, input);
}

void CommandStream::start(const std::vector<std::string>& arguments, const base::Fd& input) {
  base::Pipe output = base::make_pipe();
  base::Pipe errors = base::make_pipe();
  try {
    process_ =
        base::start_process(arguments, input.get(), output.write_end.get(), errors.write_end.get());
  } catch (const base::Error& error) {
    throw base::Error(base::ErrorKind::source_failed, error.what())
        .set_hint("give the whole path of the command, or check that it is installed");
  }
  process_handle_ = base::Fd(static_cast<int>(::syscall(SYS_pidfd_open, process_, 0)));
  if (!process_handle_) {
    const int failure = errno;
    end_group();
    throw base::system_error(failure, fmt::format("watching '{}'", command_));
  }
  output_ = std::move(output.read_end);
  errors_ = std::move(errors.read_end);
  ::fcntl(errors_.get(), F_SETFL, O_NONBLOCK);
}

CommandStream::~CommandStream() { end_group(); }

std::size_t CommandStream::read(base::MutableBytes into, const std::stop_token& stopping) {
  while (output_) {
    std::array<pollfd, 2> fds = {pollfd{output_.get(), POLLIN, 0},
                                 pollfd{errors_.get(), POLLIN, 0}};
    wait_.wait(fds, stopping);
    if ((fds[1].revents & ready) != 0) pass_on_errors();
    if ((fds[0].revents & ready) == 0) continue;
    const ssize_t got = read_pipe(output_.get(), into.data(), into.size());
    if (got < 0)
      throw base::system_error(errno, fmt::format("reading the output of '{}'", command_));
    if (got > 0) return static_cast<std::size_t>(got);
    output_.reset();
  }
  await_exit(stopping);
  return 0;
}

/// The output ended; the command may still have something to say and to do.
void CommandStream::await_exit(const std::stop_token& stopping) {
  while (process_ > 0) {
    std::array<pollfd, 2> fds = {pollfd{process_handle_.get(), POLLIN, 0},
                                 pollfd{errors_.get(), POLLIN, 0}};
    wait_.wait(fds, stopping);
    if ((fds[1].revents & ready) != 0) pass_on_errors();
    if ((fds[0].revents & ready) == 0) continue;
    reap();
    pass_on_errors();
  }
}

void CommandStream::pass_on_errors() {
  std::array<std::byte, 4096> buffer;
  while (errors_) {
    const ssize_t got = read_pipe(errors_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      errors_.reset();  // poll skips it from here on: its descriptor is negative
      return;
    }
    const std::string_view text = base::as_text({buffer.data(), static_cast<std::size_t>(got)});
    last_words_.add(text);
    // Where our own standard error went away there is nobody to tell; the last words are kept all
    // the same.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  }
}

void CommandStream::reap() {
  pid_t got;
  do {
    got = ::waitpid(process_, &wait_status_, 0);
  } while (got < 0 && errno == EINTR);
  const int code = errno;
  const bool is_reaped = got == process_;
  process_ = -1;
  if (!is_reaped)
    throw base::Error(
        base::ErrorKind::source_failed,
        base::system_error(code, fmt::format("learning how '{}' ended", command_)).what());
}

void CommandStream::finish() {
  HF_ASSERT(process_ < 0, "finish is called after read returned 0");
  std::string how;
  if (WIFEXITED(wait_status_)) {
    if (WEXITSTATUS(wait_status_) == 0) return;
    how = fmt::format("ended with exit code {}", WEXITSTATUS(wait_status_));
  } else {
    const int signal = WTERMSIG(wait_status_);
    how = fmt::format("was ended by signal {} ({})", signal, ::strsignal(signal));
  }
  base::Error error(base::ErrorKind::source_failed, fmt::format("'{}' {}", command_, how));
  const std::string words = last_words_.text();
  if (!words.empty()) error.set_hint(fmt::format("its last words: {}", words));
  throw error;
}

/// The group may outlive its leader: it is signalled as long as our child keeps the number from
/// being reused.
void CommandStream::end_group() noexcept {
  if (process_ < 0) return;
  ::kill(-process_, SIGTERM);
  ::kill(-process_, SIGCONT);  // a stopped process would not notice
  pollfd ended{process_handle_.get(), POLLIN, 0};
  ::poll(&ended, 1, end_grace_ms);
  ::kill(-process_, SIGKILL);
  while (::waitpid(process_, &wait_status_, 0) < 0 && errno == EINTR) {}
  process_ = -1;
}

}  // namespace holdfast::sources
