#include "app/process.hpp"

#include "base/error.hpp"

#include <cerrno>
#include <csignal>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace holdfast::app {

void harden_process() {
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) {
    throw base::system_error(errno, "keeping memory out of core dumps");
  }
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0)
    throw base::system_error(errno, "forbidding core dumps");
  for (const int signal : {SIGPIPE, SIGXFSZ}) {
    if (::signal(signal, SIG_IGN) == SIG_ERR) throw base::system_error(errno, "ignoring a signal");
  }
}

}  // namespace holdfast::app
