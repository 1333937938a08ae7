#include "passphrase.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "text.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <sys/stat.h>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* terminal_name = "/dev/tty";
constexpr int poll_milliseconds = 100;

/// Fills `secret` from `read` (bytes read, 0 at the end) and takes one line ending off its end.
template <class Read>
base::Secret collect(Read read, const std::string& name) {
  base::Secret buffer(passphrase_size_max + 2);
  std::size_t size = 0;
  while (size < buffer.size()) {
    const std::size_t count = read(buffer.mutable_view().subspan(size));
    if (count == 0) break;
    size += count;
  }
  const auto text = base::as_text(buffer.view().first(size));
  if (text.ends_with("\r\n")) {
    size -= 2;
  } else if (text.ends_with('\n')) {
    size -= 1;
  }
  if (size == 0) throw Error(ErrorKind::invalid_input, fmt::format("{} is empty", name));
  if (size > passphrase_size_max) {
    throw Error(ErrorKind::invalid_input, fmt::format("{} is too long for a passphrase", name));
  }
  return base::Secret(buffer.view().first(size));
}

base::Secret from_fd(int fd, const std::string& name) {
  return collect([&](base::MutableBytes into) { return base::read_some(fd, into, name); }, name);
}

base::Secret from_file(const std::string& path, Console& console) {
  const auto name = fmt::format("the passphrase file {}", base::printable(path));
  const auto file = base::open_file(path, O_RDONLY);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) throw base::system_error(errno, "looking at " + name);
  if (S_ISREG(status.st_mode) && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    console.warn(fmt::format("{} can be read by others: chmod 600 it", name));
  }
  return from_fd(file.get(), name);
}

base::Secret from_command(const std::vector<std::string>& arguments, Services& services,
                          const std::stop_token& stopping) {
  const auto name =
      fmt::format("what the passphrase command {} printed", base::printable(arguments.front()));
  const auto stream = services.open_command(arguments, "/passphrase", {});
  auto secret =
      collect([&](base::MutableBytes into) { return stream->read(into, stopping); }, name);
  stream->finish();
  return secret;
}

/// A terminal that does not show what is typed, until dropped.
class SilentTerminal {
public:
  explicit SilentTerminal(int fd) : fd_(fd) {
    if (::tcgetattr(fd_, &before_) != 0) throw base::system_error(errno, "asking the terminal");
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ICANON;
    if (::tcsetattr(fd_, TCSAFLUSH, &silent) != 0) {
      throw base::system_error(errno, "silencing the terminal");
    }
  }
  ~SilentTerminal() { ::tcsetattr(fd_, TCSAFLUSH, &before_); }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

private:
  const int fd_;
  termios before_{};
};

base::Secret ask_for(int terminal, const std::string& question, const std::stop_token& stopping) {
  const SilentTerminal silent(terminal);
  base::write_all(terminal, base::as_bytes(question), terminal_name);
  bool line_ended = false;
  auto secret = collect(
      [&](base::MutableBytes into) -> std::size_t {
        if (line_ended) return 0;
        for (pollfd ready{terminal, POLLIN, 0}; ::poll(&ready, 1, poll_milliseconds) <= 0;) {
          base::check_cancelled(stopping);
        }
        const auto count = base::read_some(terminal, into, terminal_name);
        line_ended = count == 0 || into[count - 1] == std::byte{'\n'};
        return count;
      },
      "the passphrase");
  base::write_all(terminal, base::as_bytes("\n"), terminal_name);
  return secret;
}

base::Secret from_terminal(Ask ask, const std::stop_token& stopping) {
  base::Fd terminal(::open(terminal_name, O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal) {
    throw Error(ErrorKind::invalid_input, "there is no passphrase and no terminal to ask for it")
        .set_hint(
            "use --passphrase-file, --passphrase-fd, --passphrase-command or "
            "HOLDFAST_PASSPHRASE_FILE");
  }
  if (ask == Ask::once) return ask_for(terminal.get(), "Passphrase: ", stopping);
  auto first = ask_for(terminal.get(), "New passphrase: ", stopping);
  const auto second = ask_for(terminal.get(), "The same again: ", stopping);
  if (!base::equal_in_constant_time(first.view(), second.view())) {
    throw Error(ErrorKind::invalid_input, "the two passphrases differ");
  }
  return first;
}

}  // namespace

base::Secret read_passphrase(const PassphraseSources& sources, Ask ask, Services& services,
                             Console& console, const std::stop_token& stopping) {
  if (sources.file.has_value() + sources.fd.has_value() + sources.command.has_value() > 1) {
    throw Error(ErrorKind::invalid_input,
                "--passphrase-file, --passphrase-fd and --passphrase-command exclude each other");
  }
  if (sources.file) return from_file(*sources.file, console);
  if (sources.fd) {
    return from_fd(static_cast<int>(*sources.fd), fmt::format("file descriptor {}", *sources.fd));
  }
  if (sources.command) return from_command(split_words(*sources.command), services, stopping);
  if (sources.environment) {
    return base::with_context([] { return "HOLDFAST_PASSPHRASE_FILE"; },
                              [&] { return from_file(*sources.environment, console); });
  }
  if (sources.config_file) return from_file(*sources.config_file, console);
  if (!sources.config_command.empty()) {
    return from_command(sources.config_command, services, stopping);
  }
  return from_terminal(ask, stopping);
}

}  // namespace holdfast::cli
