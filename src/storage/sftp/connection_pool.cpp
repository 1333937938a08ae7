#include "connection_pool.hpp"

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
    if (auto open = pick_open()) return open;
    // Without any, all wait for the first: a server that is not there is asked once.
    if (!connections_.empty() || being_made_ == 0) break;
    made_.wait(lock);
  }
  ++being_made_;
  lock.unlock();
  std::shared_ptr<Connection> fresh;
  const auto settle = [&] {
    lock.lock();
    --being_made_;
    if (fresh) connections_.push_back(fresh);
    made_.notify_all();
  };
  try {
    fresh = std::make_shared<Connection>(ssh_arguments(), store(), options_.stall_seconds);
  } catch (const std::exception&) {
    settle();
    throw;
  }
  settle();
  return fresh;
}

std::shared_ptr<Connection> ConnectionPool::pick_open() {
  std::erase_if(connections_, [](const auto& connection) { return connection->is_broken(); });
  const auto least = std::ranges::min_element(
      connections_, {}, [](const auto& connection) { return connection->load(); });
  if (least == connections_.end()) return nullptr;
  const bool may_make = connections_.size() + being_made_ < options_.connections_max;
  return (*least)->load() >= busy_requests && may_make ? nullptr : *least;
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
