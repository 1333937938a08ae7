#include "copies/follow.hpp"

#include "base/error.hpp"
#include "repository/copy_lease.hpp"
#include "repository/stored_objects.hpp"
#include "send.hpp"

namespace holdfast::copies {

void PackFollower::stored(const base::PackId& pack) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(pack);
  changed_.notify_all();
}

void PackFollower::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

void PackFollower::run(const std::stop_token& stopping) {
  // A prune of the copy leaves alone what came since this began.
  const repository::CopyLease lease(source_, copy_);
  for (;;) {
    base::PackId next;
    {
      std::unique_lock lock(mutex_);
      const auto ready = [&] { return !waiting_.empty() || finished_; };
      if (!changed_.wait(lock, stopping, ready)) throw base::Cancelled();
      if (waiting_.empty()) return;
      next = waiting_.front();
      waiting_.pop_front();
    }
    const auto there = source_.backend().stat(repository::pack_object_name(next));
    // One that is damaged or gone is found again, and told of, by run_copy.
    if (there)
      static_cast<void>(send_pack(source_.backend(), copy_, {next, there->size}, stopping));
  }
}

}  // namespace holdfast::copies
