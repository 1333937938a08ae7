#include "storage/cutting_proxy.hpp"

#include "base/bytes.hpp"
#include "base/error.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <vector>

namespace holdfast::storage {

namespace {

constexpr int look_ms = 50;
constexpr int tries_max = 500;
constexpr int try_ms = 10;
constexpr std::size_t relay_size = 16 * 1024;

base::Fd tcp_socket() {
  base::Fd made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!made) throw base::system_error(errno, "making a socket");
  return made;
}

void end_with_reset(int socket) {
  const linger at_once{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

/// The relay adds no delays of its own: it passes on at once and confirms at once.
void do_not_wait(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

bool send_all(int socket, base::ByteView bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

bool receive_all(int socket, base::MutableBytes into) {
  while (!into.empty()) {
    const auto got = ::recv(socket, into.data(), into.size(), 0);
    if (got <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

template <std::size_t size>
bool send_octets(int socket, const std::array<std::uint8_t, size>& octets) {
  return send_all(socket, std::as_bytes(std::span(octets)));
}

/// Which port a client of a SOCKS 5 proxy asks for (RFC 1928), without a login and by an address of
/// IPv4; 0 when it does not.
std::uint16_t answer_socks(int socket) {
  std::array<std::byte, 2> greeting{};
  std::array<std::byte, 255> methods{};
  std::array<std::byte, 10> request{};
  if (!receive_all(socket, greeting)) return 0;
  const auto count = std::to_integer<std::size_t>(greeting[1]);
  if (!receive_all(socket, base::MutableBytes(methods).first(count))) return 0;
  if (!send_octets<2>(socket, {5, 0}) || !receive_all(socket, request)) return 0;
  if (std::to_integer<int>(request[3]) != 1) return 0;
  if (!send_octets<10>(socket, {5, 0, 0, 1, 0, 0, 0, 0, 0, 0})) return 0;
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(request[8]) << 8U |
                                    std::to_integer<unsigned>(request[9]));
}

}  // namespace

sockaddr_in loopback_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::uint16_t free_loopback_port() {
  const auto socket = tcp_socket();
  auto address = loopback_address(0);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), any, size) != 0 || ::getsockname(socket.get(), any, &size) != 0) {
    throw base::system_error(errno, "finding a free port");
  }
  return ntohs(address.sin_port);
}

bool wait_for_listener(std::uint16_t port) {
  const auto address = loopback_address(port);
  for (int tries = 0; tries < tries_max; ++tries) {
    const auto socket = tcp_socket();
    const auto* const any = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(socket.get(), any, sizeof address) == 0) return true;
    ::poll(nullptr, 0, try_ms);
  }
  return false;
}

CuttingProxy::CuttingProxy(std::uint16_t target_port)
    : listening_(tcp_socket()), target_port_(target_port) {
  listen();
}

CuttingProxy::CuttingProxy(AsAsked) : CuttingProxy(std::uint16_t{0}) {}

void CuttingProxy::listen() {
  auto address = loopback_address(0);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listening_.get(), any, size) != 0 || ::listen(listening_.get(), 64) != 0 ||
      ::getsockname(listening_.get(), any, &size) != 0) {
    throw base::system_error(errno, "listening on loopback");
  }
  port_ = ntohs(address.sin_port);
  connections_.spawn([this](const std::stop_token& stopping) { accept_all(stopping); });
}

CuttingProxy::~CuttingProxy() = default;

std::string CuttingProxy::proxy_url() const {
  return "socks5://127.0.0.1:" + std::to_string(port_);
}

std::uint64_t CuttingProxy::relayed(Way way) const {
  return (way == Way::down ? 0 : relayed_up_.load()) + (way == Way::up ? 0 : relayed_down_.load());
}

void CuttingProxy::cut_after(std::uint64_t bytes, Cut how, Way way) {
  const std::lock_guard lock(mutex_);
  planned_ = true;
  left_ = bytes;
  how_ = how;
  way_ = way;
}

bool CuttingProxy::has_cut() const {
  const std::lock_guard lock(mutex_);
  return !planned_;
}

std::size_t CuttingProxy::allow(std::size_t size, Way way, Cut& how) {
  const std::lock_guard lock(mutex_);
  if (!planned_ || (way_ != Way::both && way_ != way)) return size;
  const auto allowed = static_cast<std::size_t>(std::min<std::uint64_t>(size, left_));
  left_ -= allowed;
  if (allowed == size) return size;
  planned_ = false;
  how = how_;
  return how == Cut::swallow ? 0 : allowed;
}

void CuttingProxy::accept_all(const std::stop_token& stopping) {
  base::TaskGroup relays(stopping);
  while (!stopping.stop_requested()) {
    pollfd waiting{listening_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, look_ms) <= 0) continue;
    auto client =
        std::make_shared<base::Fd>(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!*client) continue;
    relays.spawn(
        [this, client](const std::stop_token& ending) { relay(std::move(*client), ending); });
  }
}

bool CuttingProxy::pass(int from, int to, Way way, base::ByteView bytes, bool& stalled) {
  do_not_wait(from);
  auto how = Cut::close;
  const auto allowed = allow(bytes.size(), way, how);
  if (!send_all(to, bytes.first(allowed))) return false;
  (way == Way::up ? relayed_up_ : relayed_down_) += allowed;
  if (allowed == bytes.size()) return true;
  stalled = how == Cut::stall;
  if (how == Cut::reset || how == Cut::swallow) {
    end_with_reset(from);
    end_with_reset(to);
  }
  return stalled;
}

void CuttingProxy::relay(base::Fd client, const std::stop_token& stopping) {
  const auto port = target_port_ == 0 ? answer_socks(client.get()) : target_port_;
  const auto server = tcp_socket();
  const auto target = loopback_address(port);
  if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    return;
  }
  std::array<std::byte, relay_size> buffer;
  const std::array<int, 2> ends = {client.get(), server.get()};
  std::array<bool, 2> ended = {false, false};
  bool stalled = false;
  while (!stopping.stop_requested() && !(ended[0] && ended[1])) {
    std::array<pollfd, 2> waiting = {pollfd{ended[0] ? -1 : ends[0], POLLIN, 0},
                                     pollfd{ended[1] ? -1 : ends[1], POLLIN, 0}};
    if (stalled) {
      ::poll(nullptr, 0, look_ms);
      continue;
    }
    if (::poll(waiting.data(), waiting.size(), look_ms) <= 0) continue;
    for (std::size_t from = 0; from < ends.size() && !stalled; ++from) {
      if (waiting[from].revents == 0) continue;
      const auto got = ::recv(ends[from], buffer.data(), buffer.size(), 0);
      if (got < 0) return;
      if (got == 0) {  // the other direction may go on
        ended[from] = true;
        ::shutdown(ends[1 - from], SHUT_WR);
        continue;
      }
      const auto bytes = base::ByteView(buffer).first(static_cast<std::size_t>(got));
      const auto way = from == 0 ? Way::up : Way::down;
      if (!pass(ends[from], ends[1 - from], way, bytes, stalled)) return;
    }
  }
}

}  // namespace holdfast::storage
