#include "handle_cache.hpp"

#include <utility>

namespace holdfast::sources {

HandleCache::Handle HandleCache::find(const Holder& holder) {
  const std::lock_guard lock(mutex_);
  return holder.handle;
}

void HandleCache::keep(Holder& holder, Handle handle) {
  Handle displaced;  // closed after the lock is free
  const std::lock_guard lock(mutex_);
  if (holder.handle) return;  // another thread was faster
  if (Holder* oldest = slots_[next_]) displaced = std::move(oldest->handle);
  slots_[next_] = &holder;
  holder.slot = next_;
  holder.handle = std::move(handle);
  next_ = (next_ + 1) % slot_count;
}

void HandleCache::drop(Holder& holder) {
  Handle dropped;
  const std::lock_guard lock(mutex_);
  if (slots_[holder.slot] == &holder) slots_[holder.slot] = nullptr;
  dropped = std::move(holder.handle);
}

void HandleCache::clear() {
  const std::lock_guard lock(mutex_);
  for (Holder*& holder : slots_) {
    if (holder != nullptr) holder->handle.reset();
    holder = nullptr;
  }
}

}  // namespace holdfast::sources
