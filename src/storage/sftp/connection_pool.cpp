#include "connection_pool.hpp"

#include <algorithm>

namespace holdfast::storage {

namespace {

/// A connection with more than this under way lets others be opened.
constexpr std::size_t busy_requests = 64;

}  // namespace

std::shared_ptr<Connection> ConnectionPool::pick() {
  if (auto idle = pick_open(When::idle)) return idle;
  // Who finds another one connecting uses a busy connection meanwhile.
  std::unique_lock turn(connecting_, std::try_to_lock);
  if (!turn.owns_lock()) {
    if (auto busy = pick_open(When::any)) return busy;
    turn.lock();
  }
  if (auto opened_meanwhile = pick_open(When::idle)) return opened_meanwhile;
  auto fresh = std::make_shared<Connection>(ssh_arguments(), store(), options_.stall_seconds);
  const std::lock_guard lock(mutex_);
  connections_.push_back(fresh);
  return fresh;
}

std::shared_ptr<Connection> ConnectionPool::pick_open(When when) {
  const std::lock_guard lock(mutex_);
  std::erase_if(connections_, [](const auto& connection) { return connection->is_broken(); });
  const auto least = std::ranges::min_element(
      connections_, {}, [](const auto& connection) { return connection->load(); });
  if (least == connections_.end()) return nullptr;
  const bool may_open = connections_.size() < options_.connections_max;
  const bool is_busy = (*least)->load() >= busy_requests;
  return when == When::idle && is_busy && may_open ? nullptr : *least;
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
