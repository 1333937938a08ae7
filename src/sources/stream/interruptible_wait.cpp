#include "interruptible_wait.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/eventfd.h>
#include <vector>

namespace holdfast::sources {

InterruptibleWait::InterruptibleWait() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw base::system_error(errno, "making an event descriptor");
}

void InterruptibleWait::wait(std::span<pollfd> fds, const std::stop_token& stopping) {
  // The event stays set once the token stopped: so does the token.
  const std::stop_callback wake(stopping, [this] { ::eventfd_write(event_.get(), 1); });
  std::vector<pollfd> all(fds.begin(), fds.end());
  all.push_back({event_.get(), POLLIN, 0});
  while (::poll(all.data(), all.size(), -1) < 0)
    if (errno != EINTR) throw base::system_error(errno, "waiting for data");
  if (stopping.stop_requested()) throw base::Cancelled();
  std::copy(all.begin(), all.end() - 1, fds.begin());
}

}  // namespace holdfast::sources
