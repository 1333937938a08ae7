#include "network.hpp"

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/task_group.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>

#include <cerrno>
#include <memory>
#include <sys/socket.h>
#include <system_error>

namespace holdfast::doctor {

using base::Error;
using base::ErrorKind;
using base::Layer;

namespace {

constexpr int look_ms = 100;

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses look_up(const std::string& host, std::uint16_t port, int flags) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (code == 0) return Addresses(found);
  throw Error(ErrorKind::unavailable,
              fmt::format("{} has no address: {}", host, ::gai_strerror(code)))
      .set_hint("check the name, and whether this machine can ask a name server: getent hosts " +
                host)
      .set_layer(Layer::name);
}

Error no_connection(int code, const Endpoint& endpoint, const std::string& address) {
  const char* hint = "check the network of this machine and the address";
  if (code == ECONNREFUSED) hint = "check the port, and whether the server runs";
  if (code == ETIMEDOUT) hint = "check the address, and firewalls that drop packets";
  return Error(ErrorKind::unavailable,
               fmt::format("{} port {}: {}", address, endpoint.port,
                           code == ETIMEDOUT ? std::string("no answer in time")
                                             : std::generic_category().message(code)))
      .set_hint(hint)
      .set_layer(Layer::port);
}

/// 0 once the connection stands, or what is the matter.
int finish_connecting(int fd, std::int64_t seconds, const Surroundings& around) {
  const auto begin = around.clock.now();
  for (;;) {
    base::check_cancelled(around.stopping);
    if (base::seconds_between(begin, around.clock.now()) >= static_cast<double>(seconds)) {
      return ETIMEDOUT;
    }
    pollfd waiting{fd, POLLOUT, 0};
    if (::poll(&waiting, 1, look_ms) > 0) break;
  }
  int code = 0;
  socklen_t size = sizeof code;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0) return errno;
  return code;
}

int try_address(const addrinfo& address, std::int64_t seconds, const Surroundings& around) {
  const base::Fd socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno;
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  return finish_connecting(socket.get(), seconds, around);
}

}  // namespace

std::vector<std::string> addresses_of(const Endpoint& endpoint) {
  const auto found = look_up(endpoint.host, endpoint.port, AI_ADDRCONFIG);
  std::vector<std::string> texts;
  for (const auto* address = found.get(); address != nullptr; address = address->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(address->ai_addr, address->ai_addrlen, text, sizeof text, nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      texts.emplace_back(text);
    }
  }
  return texts;
}

Connected connect_to(const Endpoint& endpoint, const std::vector<std::string>& addresses,
                     std::int64_t seconds, const Surroundings& surroundings) {
  int code = EADDRNOTAVAIL;
  std::string last = endpoint.host;
  for (const auto& text : addresses) {
    const auto address = look_up(text, endpoint.port, AI_NUMERICHOST);
    const auto begin = surroundings.clock.now();
    code = try_address(*address, seconds, surroundings);
    if (code == 0) return {text, base::seconds_between(begin, surroundings.clock.now())};
    last = text;
  }
  throw no_connection(code, endpoint, last);
}

}  // namespace holdfast::doctor
