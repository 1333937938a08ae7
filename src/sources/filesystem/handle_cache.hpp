#pragma once

#include "base/fd.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>

namespace holdfast::sources {

/// Keeps the handles of a bounded number of directories; whoever was displaced opens its own again
/// by path. So neither a deep tree nor a long queue of directories uses up the file descriptors.
/// Threads: all calls are safe.
class HandleCache {
public:
  using Handle = std::shared_ptr<const base::Fd>;  // shared: displaced while another thread still
                                                   // reads from it

  /// The place of one directory in the cache.
  struct Holder {
    Handle handle;
    std::size_t slot = 0;
  };

  /// Nothing when it was displaced.
  Handle find(const Holder& holder);
  void keep(Holder& holder, Handle handle);
  void drop(Holder& holder);
  /// Closes all that are not in use at the moment.
  void clear();

private:
  static constexpr std::size_t slot_count =
      128;  // far below the usual soft limit of 1024 descriptors

  std::mutex mutex_;
  std::array<Holder*, slot_count> slots_{};
  std::size_t next_ = 0;
};

}  // namespace holdfast::sources
