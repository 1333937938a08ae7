#include "session_pool.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::storage {

std::unique_ptr<net::FtpSession> SessionPool::take(const std::string& path, std::uint64_t offset) {
  std::unique_lock lock(mutex_);
  free_.wait(lock, [&] { return !idle_.empty() || sessions_ < sessions_max_; });
  auto found = std::ranges::find_if(
      idle_, [&](const auto& session) { return session->stands_at(path, offset); });
  // Another file that is half read would have to be left.
  if (found == idle_.end()) {
    found = std::ranges::find_if(idle_, [](const auto& session) { return !session->is_reading(); });
  }
  if (found == idle_.end() && sessions_ < sessions_max_) {
    auto session = make_();
    ++sessions_;
    return session;
  }
  if (found == idle_.end()) found = idle_.begin();
  auto session = std::move(*found);
  idle_.erase(found);
  return session;
}

void SessionPool::put_back(std::unique_ptr<net::FtpSession> session) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(session));
  free_.notify_one();
}

bool SessionPool::drop(std::unique_ptr<net::FtpSession>& session) {
  const std::lock_guard lock(mutex_);
  if (sessions_ == 1) return false;
  session.reset();
  --sessions_;
  sessions_max_ = sessions_;
  return true;
}

}  // namespace holdfast::storage
