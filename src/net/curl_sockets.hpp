#pragma once

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <sys/socket.h>
#include <vector>

namespace holdfast::net {

/// The open connections of a client. Threads: the client's.
class Sockets {
public:
  /// A server that sends head and body apart and lets Nagle's rule hold, as Ceph does unless told
  /// otherwise, waits with the body until the kernel here confirms the head: 40 ms each time.
  void confirm_at_once() const {
    const int on = 1;
    for (const auto socket : open_)
      static_cast<void>(::setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on));
  }

  // As libcurl calls them.
  static curl_socket_t open(void* user, curlsocktype, curl_sockaddr* address) {
    const int made = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (made >= 0) static_cast<Sockets*>(user)->open_.push_back(made);
    return made >= 0 ? made : CURL_SOCKET_BAD;
  }
  static int close(void* user, curl_socket_t socket) {
    std::erase(static_cast<Sockets*>(user)->open_, socket);
    return ::close(socket);
  }

private:
  std::vector<curl_socket_t> open_;
};

}  // namespace holdfast::net
