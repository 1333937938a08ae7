#include "app/signals.hpp"

#include "base/error.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

namespace holdfast::app {

namespace {

/// A wake-up that got lost delays the end of the program by this, and does not prevent it.
constexpr int look_again_ms = 1000;

sigset_t stopping_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    ::sigaddset(&set, signal);
  return set;
}

/// Ends the process as if nobody had ever caught the signal, so that a shell sees why.
void end_by(int signal) {
  ::signal(signal, SIG_DFL);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::kill(::getpid(), signal);
}

}  // namespace

Signals::Signals() {
  const auto set = stopping_signals();
  if (const int code = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); code != 0) {
    throw base::system_error(code, "blocking signals");
  }
  signals_ = base::Fd(::signalfd(-1, &set, SFD_CLOEXEC));
  finished_ = base::Fd(::eventfd(0, EFD_CLOEXEC));
  if (!signals_ || !finished_) throw base::system_error(errno, "waiting for signals");
  thread_.spawn([this](const std::stop_token& finishing) { wait(finishing); });
}

Signals::~Signals() {
  const std::uint64_t one = 1;
  // An eventfd at zero takes one; nothing else writes to it. Should it fail, wait() looks itself.
  [[maybe_unused]] const auto written = ::write(finished_.get(), &one, sizeof one);
}

void Signals::wait(const std::stop_token& finishing) {
  bool asked = false;
  for (;;) {
    std::array<pollfd, 2> ready{{{signals_.get(), POLLIN, 0}, {finished_.get(), POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), look_again_ms) < 0 && errno != EINTR) {
      throw base::system_error(errno, "waiting for signals");
    }
    if (ready[1].revents != 0 || finishing.stop_requested()) return;
    if ((ready[0].revents & POLLIN) == 0) continue;
    signalfd_siginfo information{};
    if (::read(signals_.get(), &information, sizeof information) != sizeof information) continue;
    if (asked) end_by(static_cast<int>(information.ssi_signo));
    asked = true;
    stop_.request_stop();
  }
}

}  // namespace holdfast::app
