#include "console.hpp"

#include "base/units.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace holdfast::cli {

namespace {

constexpr std::size_t flush_size = 64 * 1024;

/// Messages may hold names of files and several lines; the lines are ours, all else is made
/// printable.
std::string printable_lines(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    result += base::printable(text.substr(0, end));
    if (end < text.size()) result += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

}  // namespace

Failure failure_of(const base::Error& error) {
  const auto& row = base::row_of(error.kind());
  return {std::string(row.name), error.what(), error.hint(), row.exit_code,
          fmt::format("{}:{}", error.where().file_name(), error.where().line())};
}

void write_output(base::ByteView bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      throw OutputClosed();
    } else if (errno != EINTR) {
      throw base::system_error(errno, "writing to standard output");
    }
  }
}

Console::Console(ConsoleOptions options, std::string command)
    : options_(options), command_(std::move(command)) {
  begin_json();
}

void Console::begin_json() {
  json_ = JsonWriter();
  json_.begin_object().field("schema", 1).field("command", std::string_view(command_));
}

void Console::line(std::string_view text) {
  if (options_.json) return;
  out_ += text;
  out_ += '\n';
  if (out_.size() >= flush_size) flush();
}

void Console::raw(base::ByteView bytes) {
  flush();
  write_output(bytes);
}

void Console::flush() {
  const auto text = std::move(out_);
  out_.clear();
  if (before_note_) before_note_();
  write_output(base::as_bytes(text));
}

void Console::write_error(const std::string& text) {
  if (before_note_) before_note_();
  // Nobody is left to tell when standard error itself is gone.
  base::ByteView rest = base::as_bytes(text);
  while (!rest.empty()) {
    const auto written = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) rest = rest.subspan(static_cast<std::size_t>(written));
  }
}

void Console::note(const std::string& text) {
  if (options_.quiet || options_.json) return;
  const std::lock_guard lock(mutex_);
  write_error(printable_lines(text) + "\n");
}

void Console::warn(const std::string& text) {
  const std::lock_guard lock(mutex_);
  warnings_.push_back(text);
  write_error(fmt::format("holdfast: warning: {}\n", printable_lines(text)));
}

void Console::fail(const Failure& failure) {
  const bool interrupted = failure.exit_code == base::exit_interrupted;
  write_error(fmt::format("holdfast: {}{}\n",
                          interrupted ? "" : "error: ", printable_lines(failure.message)));
  if (!failure.hint.empty()) write_error(fmt::format("hint: {}\n", printable_lines(failure.hint)));
  if (options_.verbose && !failure.where.empty()) {
    write_error(fmt::format("at {}\n", failure.where));
  }
  if (!options_.json) return;
  begin_json();
  json_.key("error").begin_object();
  add_failure(failure);
  json_.end_object();
}

void Console::add_failure(const Failure& failure) {
  json_.field("kind", std::string_view(failure.kind));
  json_.field("message", std::string_view(failure.message));
  json_.field("hint", std::string_view(failure.hint));
  json_.field("exit_code", failure.exit_code);
}

void Console::finish(int exit_code) {
  if (options_.json) {
    json_.key("warnings").begin_array();
    for (const auto& warning : warnings_)
      json_.value(std::string_view(warning));
    json_.end_array().field("exit_code", exit_code).end_object();
    out_ += json_.take();
    out_ += '\n';
  }
  flush();
}

std::string Console::styled(std::string_view code, std::string_view text) const {
  if (!options_.colours) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

}  // namespace holdfast::cli
