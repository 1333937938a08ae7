#include "confirm.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/task_group.hpp"

#include <fcntl.h>
#include <poll.h>

#include <array>

namespace holdfast::cli {

namespace {
constexpr const char* terminal_name = "/dev/tty";
constexpr int poll_milliseconds = 100;
}  // namespace

bool confirm(const std::string& question, const std::stop_token& stopping) {
  const base::Fd terminal(::open(terminal_name, O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal) {
    throw base::Error(base::ErrorKind::invalid_input, "this needs a yes, and there is no terminal")
        .set_hint("say --yes if that is what you want");
  }
  base::write_all(terminal.get(), base::as_bytes(question + " [y/N] "), terminal_name);
  for (pollfd ready{terminal.get(), POLLIN, 0}; ::poll(&ready, 1, poll_milliseconds) <= 0;) {
    base::check_cancelled(stopping);
  }
  std::array<std::byte, 64> answer{};
  const auto count = base::read_some(terminal.get(), answer, terminal_name);
  auto text = base::as_text(base::ByteView(answer).first(count));
  while (text.ends_with('\n') || text.ends_with(' '))
    text.remove_suffix(1);
  return text == "y" || text == "Y" || text == "yes" || text == "YES";
}

}  // namespace holdfast::cli
