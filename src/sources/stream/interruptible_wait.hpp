#pragma once

#include "base/fd.hpp"

#include <poll.h>

#include <span>
#include <stop_token>

namespace holdfast::sources {

/// poll(2) that a stop token can wake.
class InterruptibleWait {
public:
  InterruptibleWait();
  /// Until one of `fds` is ready; `revents` are filled. Errors: Cancelled when `stopping` was asked
  /// to stop.
  void wait(std::span<pollfd> fds, const std::stop_token& stopping);

private:
  base::Fd event_;
};

}  // namespace holdfast::sources
