#pragma once

#include "http_server/exchange.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

namespace holdfast::http_server {

struct ServerOptions {
  std::string address = "127.0.0.1";  // of this machine, in digits
  std::uint16_t port = 0;             // 0: any that is free
  std::string certificate_file{};     // PEM, with what lies between it and the authority
  std::string key_file{};             // PEM, without a passphrase
  std::size_t handlers_max = 32;      // requests at work at once; more wait their turn
  std::size_t connections_max = 400;  // more are closed at once
  double head_seconds_max = 20;       // for TLS, and for the head of the first request
  double idle_seconds_max = 90;       // until the head of the next request is there
  double stall_seconds_max = 60;      // for each piece of a body
  double grace_seconds_max = 5;       // for requests at work when the server ends
};

/// An HTTP/1.1 server over TLS (1.2 or later). Heads are bounded, bodies are streamed; a connection
/// costs a thread only while its request is handled, so whoever asks for rights before it reads a
/// body keeps strangers from costing more than a socket.
///
/// Threads: two for sockets, and one for each request at work. Borrows nothing but what the handler
///          does.
class Server {
public:
  /// Listens from now on. Errors: invalid_input for certificate, key or address that cannot be
  /// used, already_exists when the port is in use, access_denied when it may not be used.
  Server(ServerOptions options, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  /// Serves until `stopping` is asked for: idle connections end at once, requests at work within
  /// the time of grace. Once.
  void run(const std::stop_token& stopping);

private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::http_server
