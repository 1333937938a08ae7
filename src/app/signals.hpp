#pragma once

#include "base/fd.hpp"
#include "base/task_group.hpp"

#include <stop_token>

namespace holdfast::app {

/// While this lives, the first SIGINT, SIGTERM or SIGHUP asks the token to stop; a second one ends
/// the process at once, as the signal does by default.
///
/// Threads: makes one, which waits for signals. Construct it before any other thread is started:
///          they inherit that the signals are blocked.
class Signals {
public:
  /// Errors: io when the kernel refuses.
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

private:
  void wait(const std::stop_token& finishing);

  std::stop_source stop_;
  base::Fd signals_;
  base::Fd finished_;
  base::TaskGroup thread_;
};

}  // namespace holdfast::app
