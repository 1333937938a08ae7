// Sockets are served by coroutines on two threads; a request whose head is there goes to one of the
// handler threads, which may wait for files and for its client as it likes. While it works its
// connection's coroutine sleeps, so that whatever the handler wants of the socket runs alone.

#include "http_server/http_server.hpp"

#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "beast_exchange.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/read.hpp>
#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <set>
#include <utility>

namespace holdfast::http_server {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;
using base::Error;
using base::ErrorKind;

namespace {

constexpr std::uint32_t head_size_max = 16U * 1024;
constexpr int socket_threads = 2;
constexpr double farewell_seconds_max = 2;
/// After an error of accepting, such as too many open files.
constexpr std::chrono::milliseconds accept_pause{100};

[[noreturn]] void refuse_file(const char* what, const std::string& file,
                              const boost::system::error_code& code, const char* hint) {
  throw Error(ErrorKind::invalid_input,
              fmt::format("{} {} cannot be used: {}", what, base::printable(file), code.message()))
      .set_hint(hint);
}

asio::ssl::context make_tls(const ServerOptions& options) {
  using Tls = asio::ssl::context;
  Tls tls(Tls::tls_server);
  tls.set_options(Tls::default_workarounds | Tls::no_sslv2 | Tls::no_sslv3 | Tls::no_tlsv1 |
                  Tls::no_tlsv1_1 | Tls::no_compression);
  ::SSL_CTX_set_options(tls.native_handle(), SSL_OP_NO_RENEGOTIATION);
  // Nobody is there to be asked.
  tls.set_password_callback([](std::size_t, Tls::password_purpose) { return std::string(); });
  boost::system::error_code code;
  tls.use_certificate_chain_file(options.certificate_file, code);
  if (code) {
    refuse_file("the certificate", options.certificate_file, code,
                "it must be a file in PEM that this user may read, its own certificate first");
  }
  tls.use_private_key_file(options.key_file, Tls::pem, code);
  // Of another kind it would have been taken as well.
  if (!code && ::SSL_CTX_check_private_key(tls.native_handle()) != 1) {
    code = boost::system::error_code(static_cast<int>(::ERR_get_error()),
                                     asio::error::get_ssl_category());
  }
  if (code) {
    refuse_file("the key of the certificate", options.key_file, code,
                "it must be the key of that certificate, in PEM and without a passphrase, in a "
                "file that this user may read");
  }
  return tls;
}

tcp::acceptor listen_at(const asio::any_io_executor& executor, const ServerOptions& options) {
  boost::system::error_code code;
  const auto address = asio::ip::make_address(options.address, code);
  if (code) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("'{}' is no address of this machine", base::printable(options.address)))
        .set_hint("write it in digits; 0.0.0.0 or [::] are all of them");
  }
  const auto doing = fmt::format("listening at {} port {}", options.address, options.port);
  const tcp::endpoint endpoint(address, options.port);
  tcp::acceptor acceptor(executor);
  acceptor.open(endpoint.protocol(), code);
  if (!code) acceptor.set_option(tcp::acceptor::reuse_address(true), code);
  if (!code) acceptor.bind(endpoint, code);
  if (!code) acceptor.listen(asio::socket_base::max_listen_connections, code);
  if (code == asio::error::address_in_use) {
    throw Error(ErrorKind::already_exists, doing + ": another program does")
        .set_hint("choose another port, or end that program");
  }
  if (code) throw base::system_error(code.value(), doing);
  return acceptor;
}

/// Whether somebody sent what is no request, rather than nothing.
bool is_no_http(const boost::system::error_code& code) {
  const auto& category = http::make_error_code(http::error::end_of_stream).category();
  return code && code.category() == category && code != http::error::end_of_stream;
}

/// Runs `work` on a thread of `handlers`; whoever waits for it goes on on a thread of its own.
/// Borrows both until then.
awaitable<void> run_on(asio::io_context& handlers, const std::function<void()>& work) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&handlers, &work](auto done) {
        asio::post(handlers, [&work, done = std::move(done)]() mutable {
          work();
          const auto executor = asio::get_associated_executor(done);
          asio::post(executor, std::move(done));
        });
      },
      use_awaitable);
}

/// Ends what other threads of a group run, when one of them ends.
struct StopAtEnd {
  asio::io_context& io;
  ~StopAtEnd() { io.stop(); }
};

}  // namespace

struct Server::State {
  State(ServerOptions given, Handler handle)
      : options(std::move(given)),
        handler(std::move(handle)),
        tls(make_tls(options)),
        acceptor(listen_at(asio::make_strand(io), options)),
        grace(acceptor.get_executor()) {}

  awaitable<void> accept_all();
  awaitable<void> serve(std::shared_ptr<Connection> connection);
  awaitable<void> serve_requests(Connection& connection);
  awaitable<bool> serve_request(Connection& connection, RequestParser& parser);
  void handle(BeastExchange& exchange) const;
  void begin_to_stop();
  void forget(Connection* connection);

  const ServerOptions options;
  const Handler handler;
  asio::io_context io;
  asio::io_context handlers;
  asio::ssl::context tls;
  tcp::acceptor acceptor;  // on a strand of its own, with the timer and the end of all
  asio::steady_timer grace;
  std::atomic<bool> is_stopping = false;
  std::mutex mutex;
  std::set<Connection*> connections;
};

awaitable<void> Server::State::accept_all() {
  for (;;) {
    tcp::socket socket(asio::make_strand(io));
    boost::system::error_code code;
    co_await acceptor.async_accept(socket, asio::redirect_error(use_awaitable, code));
    if (is_stopping) co_return;
    if (code) {
      asio::steady_timer pause(acceptor.get_executor(), accept_pause);
      co_await pause.async_wait(asio::redirect_error(use_awaitable, code));
      continue;
    }
    socket.set_option(tcp::no_delay(true), code);
    const auto executor = socket.get_executor();
    // Shared by its coroutine and by who ends the server.
    std::shared_ptr<Connection> connection(new Connection(std::move(socket), tls, io),
                                           [this](Connection* gone) {
                                             forget(gone);
                                             std::default_delete<Connection>()(gone);
                                           });
    {
      const std::lock_guard lock(mutex);
      if (is_stopping || connections.size() >= options.connections_max) continue;
      connections.insert(connection.get());
    }
    asio::co_spawn(executor, serve(std::move(connection)), asio::detached);
  }
}

void Server::State::forget(Connection* connection) {
  const std::lock_guard lock(mutex);
  connections.erase(connection);
  if (is_stopping && connections.empty()) {
    asio::post(acceptor.get_executor(), [this] { grace.cancel(); });
  }
}

awaitable<void> Server::State::serve(std::shared_ptr<Connection> connection) {
  try {
    connection->expire_after(options.head_seconds_max);
    co_await connection->stream.async_handshake(asio::ssl::stream_base::server, use_awaitable);
    co_await serve_requests(*connection);
    if (is_stopping) co_return;  // an idle client would be waited for
    connection->expire_after(farewell_seconds_max);
    co_await connection->stream.async_shutdown(use_awaitable);
  } catch (const boost::system::system_error&) {  // the client is gone, or was no client
    co_return;
  }
}

awaitable<void> Server::State::serve_requests(Connection& connection) {
  for (bool is_first = true; !is_stopping; is_first = false) {
    RequestParser parser;
    parser.header_limit(head_size_max);
    parser.body_limit(boost::none);  // the handler knows what it takes
    connection.expire_after(is_first ? options.head_seconds_max : options.idle_seconds_max);
    boost::system::error_code code;
    co_await http::async_read_header(connection.stream, connection.buffer, parser,
                                     asio::redirect_error(use_awaitable, code));
    if (is_no_http(code)) {
      constexpr std::string_view reply =
          "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
      co_await asio::async_write(connection.stream, asio::buffer(reply), use_awaitable);
      co_return;
    }
    if (code) co_return;
    if (!co_await serve_request(connection, parser)) co_return;
  }
}

awaitable<bool> Server::State::serve_request(Connection& connection, RequestParser& parser) {
  connection.is_busy = true;
  BeastExchange exchange(connection, parser, options);
  const std::function<void()> work = [&] { handle(exchange); };
  co_await run_on(handlers, work);
  co_await exchange.finish();
  connection.is_busy = false;
  co_return exchange.keeps_alive();
}

void Server::State::handle(BeastExchange& exchange) const {
  if (is_stopping) exchange.end_after_this();
  try {
    handler(exchange);
    if (!exchange.has_replied()) exchange.reply({500, {}, ""});
  } catch (const std::exception&) {
    if (exchange.has_replied()) {
      exchange.fail();
      return;
    }
    try {
      exchange.reply({500, {}, ""});
    } catch (const Error&) {  // nobody is there to hear it
      return;
    }
  }
}

void Server::State::begin_to_stop() {
  acceptor.close();
  const std::lock_guard lock(mutex);
  is_stopping = true;
  const auto close_all = [this](bool also_busy) {
    for (auto* connection : connections) {
      const auto executor = connection->stream.get_executor();
      asio::post(executor, [this, connection, also_busy] {
        const std::lock_guard still_there(mutex);
        if (!connections.contains(connection)) return;
        if (also_busy || !connection->is_busy) connection->close();
      });
    }
  };
  close_all(false);
  if (connections.empty()) return;
  grace.expires_after(
      std::chrono::milliseconds(static_cast<std::int64_t>(options.grace_seconds_max * 1000)));
  grace.async_wait([this, close_all](const boost::system::error_code& code) {
    if (code) return;
    const std::lock_guard again(mutex);
    close_all(true);
  });
}

Server::Server(ServerOptions options, Handler handler)
    : state_(std::make_unique<State>(std::move(options), std::move(handler))) {}
Server::~Server() = default;

std::uint16_t Server::port() const { return state_->acceptor.local_endpoint().port(); }

void Server::run(const std::stop_token& stopping) {
  auto& state = *state_;
  base::TaskGroup handler_threads;
  auto more_to_handle = asio::make_work_guard(state.handlers);
  for (std::size_t i = 0; i < state.options.handlers_max; ++i)
    handler_threads.spawn([&](const std::stop_token&) { state.handlers.run(); });
  asio::co_spawn(state.acceptor.get_executor(), state.accept_all(), asio::detached);
  {
    const std::stop_callback stop(stopping, [&state] {
      asio::post(state.acceptor.get_executor(), [&state] { state.begin_to_stop(); });
    });
    base::TaskGroup threads;
    for (int i = 0; i < socket_threads; ++i) {
      threads.spawn([&](const std::stop_token&) {
        const StopAtEnd stop_others{state.io};
        state.io.run();
      });
    }
    threads.join();
  }
  more_to_handle.reset();
  handler_threads.join();
}

}  // namespace holdfast::http_server
