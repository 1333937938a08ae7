#include "connection_pool.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <exception>

namespace holdfast::storage {

namespace {

/// A connection with more than this under way lets others be opened.
constexpr std::size_t busy_requests = 64;

}  // namespace

std::shared_ptr<Connection> ConnectionPool::pick() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto open = least_busy();
    // Who finds another one being made uses a busy one meanwhile.
    const bool makes = open && open->load() >= busy_requests && being_made_ == 0 && may_make();
    if (open && !makes) return open;
    // Without any, all wait for the first: a server that is not there is asked once.
    if (open || being_made_ == 0) break;
    made_.wait(lock);
  }
  try {
    return make(lock);
  } catch (const base::Error&) {
    // Some servers take fewer at once.
    if (const auto open = least_busy()) return open;
    throw;
  }
}

void ConnectionPool::add() {
  std::unique_lock lock(mutex_);
  if (may_make()) make(lock);
}

std::shared_ptr<Connection> ConnectionPool::make(std::unique_lock<std::mutex>& lock) {
  ++being_made_;
  lock.unlock();
  std::shared_ptr<Connection> fresh;
  const auto settle = [&] {
    lock.lock();
    --being_made_;
    made_.notify_all();
  };
  try {
    fresh = std::make_shared<Connection>(ssh_arguments(), store(), options_.stall_seconds);
  } catch (const std::exception&) {
    settle();
    if (least_busy()) refused_ = true;
    throw;
  }
  settle();
  connections_.push_back(fresh);
  return fresh;
}

std::shared_ptr<Connection> ConnectionPool::least_busy() {
  std::erase_if(connections_, [](const auto& connection) { return connection->is_broken(); });
  if (connections_.empty()) refused_ = false;
  const auto least = std::ranges::min_element(
      connections_, {}, [](const auto& connection) { return connection->load(); });
  return least == connections_.end() ? nullptr : *least;
}

bool ConnectionPool::may_make() const {
  return !refused_ && connections_.size() + being_made_ < options_.connections_max;
}

std::vector<std::string> ConnectionPool::ssh_arguments() const {
  // Nothing that the address says can become an option: the host comes after "--".
  std::vector<std::string> arguments = {
      options_.program,           "-oBatchMode=yes",         "-oStrictHostKeyChecking=yes",
      "-oServerAliveInterval=20", "-oServerAliveCountMax=3", "-oConnectTimeout=30",
      "-oForwardAgent=no",        "-oForwardX11=no",         "-oClearAllForwardings=yes"};
  if (!options_.config_file.empty()) arguments.push_back("-F" + options_.config_file);
  if (!location_.user.empty()) arguments.push_back("-l" + location_.user);
  if (location_.port != 0) arguments.push_back("-p" + std::to_string(location_.port));
  for (const char* last : {"-s", "--"})
    arguments.emplace_back(last);
  arguments.push_back(location_.host);
  arguments.emplace_back("sftp");
  return arguments;
}

}  // namespace holdfast::storage
