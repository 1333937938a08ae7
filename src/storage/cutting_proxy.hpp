// A TCP relay on loopback that fails as networks do, for tests of remote stores.
#pragma once

#include "base/bytes.hpp"
#include "base/fd.hpp"
#include "base/task_group.hpp"

#include <netinet/in.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

namespace holdfast::storage {

/// 127.0.0.1 and `port`, as sockets take it.
sockaddr_in loopback_address(std::uint16_t port);
/// One where nobody listens yet, for a server that cannot be asked which one it got.
std::uint16_t free_loopback_port();
/// Returns once somebody listens there; false after some seconds.
bool wait_for_listener(std::uint16_t port);

enum class Cut : std::uint8_t {
  reset,    // both sides see the connection reset
  close,    // both sides see its orderly end
  stall,    // nothing goes through any more, and nobody is told
  swallow,  // as reset, and nothing passes of what came with that byte
};

enum class Way : std::uint8_t { both, up, down };  // up: to the server

/// Relays every connection to another port, and cuts connections where it is told to.
/// Threads: all calls from any.
class CuttingProxy {
public:
  enum AsAsked : std::uint8_t { as_asked };

  explicit CuttingProxy(std::uint16_t target_port);
  /// A SOCKS 5 proxy: each connection goes to the port of this machine that it asks for, as
  /// protocols with several connections need it. What is said for that is not counted.
  explicit CuttingProxy(AsAsked);
  ~CuttingProxy();

  std::uint16_t port() const { return port_; }
  /// "socks5://127.0.0.1:PORT"
  std::string proxy_url() const;
  /// The connection that carries the byte number `bytes` from now on, in that direction, is cut
  /// there; once.
  void cut_after(std::uint64_t bytes, Cut how, Way way = Way::both);
  /// Bytes relayed so far in that direction.
  std::uint64_t relayed(Way way = Way::both) const;
  /// Whether the planned cut was made.
  bool has_cut() const;

private:
  void listen();
  void accept_all(const std::stop_token& stopping);
  void relay(base::Fd client, const std::stop_token& stopping);
  /// Passes on what came from one end to the other. False: the connection is over.
  bool pass(int from, int to, Way way, base::ByteView bytes, bool& stalled);
  /// How many of `size` bytes may pass; fewer than that: the cut comes then.
  std::size_t allow(std::size_t size, Way way, Cut& how);

  base::Fd listening_;
  const std::uint16_t target_port_;  // 0: as asked
  std::uint16_t port_ = 0;
  std::atomic<std::uint64_t> relayed_up_ = 0;
  std::atomic<std::uint64_t> relayed_down_ = 0;
  mutable std::mutex mutex_;
  bool planned_ = false;
  std::uint64_t left_ = 0;
  Cut how_ = Cut::reset;
  Way way_ = Way::both;
  base::TaskGroup connections_;  // last: they end before what they use
};

}  // namespace holdfast::storage
