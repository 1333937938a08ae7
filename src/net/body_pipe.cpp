#include "net/body_pipe.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::net {

namespace {

constexpr std::size_t capacity_min = 64UL * 1024;

}  // namespace

BodyPipe::BodyPipe(std::size_t capacity, std::optional<std::uint64_t> size)
    : capacity_(std::max(capacity, capacity_min)), size_(size) {}

bool BodyPipe::write(base::ByteView bytes) {
  while (!bytes.empty()) {
    std::function<void()> resume;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ended_ || bytes_.size() - begin_ < capacity_; });
      if (ended_) return false;
      bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
      begin_ = 0;
      const auto part = bytes.first(std::min(bytes.size(), capacity_ - bytes_.size()));
      base::append(bytes_, part);
      bytes = bytes.subspan(part.size());
      if (std::exchange(client_waits_, false)) resume = resume_;
    }
    if (resume) resume();
  }
  return true;
}

void BodyPipe::finish() {
  std::function<void()> resume;
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    if (std::exchange(client_waits_, false)) resume = resume_;
  }
  if (resume) resume();
}

std::size_t BodyPipe::read(base::MutableBytes into) {
  std::size_t count = 0;
  while (count < into.size()) {
    std::function<void()> resume;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ended_ || begin_ < bytes_.size(); });
      const auto part = into.subspan(count, std::min(into.size() - count, bytes_.size() - begin_));
      if (part.empty()) return count;
      move_out(part);
      count += part.size();
      // Not before all is gone: it is put again as a whole.
      if (begin_ == bytes_.size() && std::exchange(client_waits_, false)) resume = resume_;
    }
    if (resume) resume();
  }
  return count;
}

std::optional<std::size_t> BodyPipe::take(base::MutableBytes into) {
  const std::lock_guard lock(mutex_);
  const auto part = into.first(std::min(into.size(), bytes_.size() - begin_));
  if (part.empty() && !finished_) {
    client_waits_ = true;
    return std::nullopt;
  }
  move_out(part);
  changed_.notify_all();
  return part.size();
}

bool BodyPipe::put(base::ByteView bytes) {
  const std::lock_guard lock(mutex_);
  if (begin_ == bytes_.size()) {
    bytes_.clear();
    begin_ = 0;
  }
  // What was read still takes room until all of it was: both are bounded.
  if (bytes_.size() + bytes.size() > capacity_) {
    client_waits_ = true;
    return false;
  }
  base::append(bytes_, bytes);
  changed_.notify_all();
  return true;
}

void BodyPipe::on_progress(std::function<void()> resume) {
  const std::lock_guard lock(mutex_);
  resume_ = std::move(resume);
}

void BodyPipe::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  resume_ = nullptr;
  changed_.notify_all();
}

void BodyPipe::move_out(base::MutableBytes into) {
  std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(begin_), into.size(), into.begin());
  begin_ += into.size();
}

}  // namespace holdfast::net
