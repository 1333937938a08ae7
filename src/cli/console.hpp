#pragma once

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "json.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::cli {

/// Whoever read our standard output closed it (`holdfast ls | head`): nothing to say, nothing to
/// do.
class OutputClosed : public std::exception {
public:
  const char* what() const noexcept override { return "standard output was closed"; }
};
/// What a shell reports for a program that ended so.
inline constexpr int exit_output_closed = 141;

/// Why a command ended without doing what it was asked for.
struct Failure {
  std::string kind;  // name of the base::ErrorKind, or "internal" or "interrupted"
  std::string message;
  std::string hint;
  int exit_code = 1;
  std::string where;  // in the source, for --verbose
};
Failure failure_of(const base::Error& error);

struct ConsoleOptions {
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool colours = false;  // on standard output
};

/// The two streams that people and scripts read. Text goes to standard output as it comes, or, with
/// `json`, is left out there in favour of one object at the end.
///
/// Errors:  io when standard output cannot be written; OutputClosed.
/// Threads: note() and warn() from any thread, the rest from one.
class Console {
public:
  Console(ConsoleOptions options, std::string command);

  bool json_wanted() const { return options_.json; }
  bool quiet() const { return options_.quiet; }
  bool verbose() const { return options_.verbose; }

  /// The result, for people: not shown with --json.
  void line(std::string_view text);
  /// The result as bytes, whatever the options.
  void raw(base::ByteView bytes);
  /// What happens, to standard error; not shown with --quiet.
  void note(const std::string& text);
  void warn(const std::string& text);
  /// "holdfast: error: ..." and its hint; with --json also an object on standard output.
  void fail(const Failure& failure);

  /// "kind", "message", "hint" and "exit_code", into the open object.
  void add_failure(const Failure& failure);

  /// The object under construction: commands add their fields to it.
  JsonWriter& json() { return json_; }
  /// Ends the object and writes everything out.
  void finish(int exit_code);
  void flush();

  std::string bold(std::string_view text) const { return styled("1", text); }
  std::string dim(std::string_view text) const { return styled("2", text); }
  std::string red(std::string_view text) const { return styled("31", text); }
  std::string green(std::string_view text) const { return styled("32", text); }
  std::string yellow(std::string_view text) const { return styled("33", text); }

  /// Called around whatever is written to standard error, so that a progress line is out of the
  /// way.
  void set_interruption(std::function<void()> before) { before_note_ = std::move(before); }

private:
  std::string styled(std::string_view code, std::string_view text) const;
  void begin_json();
  void write_error(const std::string& text);

  const ConsoleOptions options_;
  const std::string command_;
  std::string out_;
  JsonWriter json_;
  std::mutex mutex_;
  std::vector<std::string> warnings_;
  std::function<void()> before_note_;
};

/// Writes all of `bytes` to standard output. Errors: io, OutputClosed.
void write_output(base::ByteView bytes);

}  // namespace holdfast::cli
