#include "beast_exchange.hpp"

#include "base/error.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

#include <chrono>
#include <utility>
#include <vector>

namespace holdfast::http_server {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::use_awaitable;
using base::Error;
using base::ErrorKind;

namespace {

constexpr unsigned http_1_1 = 11;
/// Of one read; the head of a request must fit too.
constexpr std::size_t read_buffer_size = 64UL * 1024;
/// What is left of a request that nobody wants is taken up to here, because a client that is still
/// sending does not listen; beyond it the connection ends.
constexpr std::uint64_t drained_bytes_max = 4UL * 1024 * 1024;
constexpr std::size_t drained_piece_size = 64UL * 1024;

std::string peer_of(const asio::ip::tcp::socket& socket) {
  boost::system::error_code code;
  const auto endpoint = socket.remote_endpoint(code);
  return code ? "somebody" : endpoint.address().to_string();
}

RequestHead head_of(const RequestParser& parser, const std::string& peer) {
  const auto& message = parser.get();
  RequestHead head{std::string(message.method_string()), std::string(message.target()), {}, peer};
  for (const auto& field : message)
    head.headers.push_back({std::string(field.name_string()), std::string(field.value())});
  return head;
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, asio::ssl::context& tls, asio::io_context& io)
    : stream(boost::beast::tcp_stream(std::move(socket)), tls),
      buffer(read_buffer_size),
      peer(peer_of(boost::beast::get_lowest_layer(stream).socket())),
      work(io.get_executor()) {}

void Connection::expire_after(double seconds) {
  const auto time = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  boost::beast::get_lowest_layer(stream).expires_after(time);
}

void Connection::close() { boost::beast::get_lowest_layer(stream).close(); }

BeastExchange::BeastExchange(Connection& connection, RequestParser& parser,
                             const ServerOptions& options)
    : connection_(connection),
      parser_(parser),
      options_(options),
      head_(head_of(parser, connection.peer)),
      expects_continue_(boost::beast::iequals(parser.get()[http::field::expect], "100-continue")) {}

std::optional<std::uint64_t> BeastExchange::body_size() const {
  if (parser_.is_done()) return 0;
  const auto size = parser_.content_length();
  return size ? std::optional(*size) : std::nullopt;
}

template <class Result>
Result BeastExchange::wait(awaitable<Result> work) {
  try {
    return asio::co_spawn(connection_.stream.get_executor(), std::move(work), asio::use_future)
        .get();
  } catch (const boost::system::system_error& error) {
    is_broken_ = true;
    throw Error(ErrorKind::unavailable,
                fmt::format("the connection to {} broke: {}", head_.peer, error.code().message()));
  }
}

std::size_t BeastExchange::read(base::MutableBytes into) { return wait(do_read(into)); }

awaitable<std::size_t> BeastExchange::do_read(base::MutableBytes into) {
  if (parser_.is_done() || into.empty()) co_return 0;
  connection_.expire_after(options_.stall_seconds_max);
  if (std::exchange(expects_continue_, false)) {
    constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(connection_.stream, asio::buffer(go_on), use_awaitable);
  }
  auto& body = parser_.get().body();
  body.data = into.data();
  body.size = into.size();
  boost::system::error_code code;
  co_await http::async_read(connection_.stream, connection_.buffer, parser_,
                            asio::redirect_error(use_awaitable, code));
  if (code && code != http::error::need_buffer) throw boost::system::system_error(code);
  co_return into.size() - body.size;
}

void BeastExchange::decide_keep_alive() {
  has_replied_ = true;
  keeps_alive_ =
      may_keep_alive_ && parser_.get().keep_alive() && (parser_.is_done() || !expects_continue_);
  if (const auto left = parser_.content_length_remaining()) {
    keeps_alive_ = keeps_alive_ && *left <= drained_bytes_max;
  }
}

void BeastExchange::reply(Reply reply) {
  const auto body = std::exchange(reply.body, {});
  begin(reply, body.size());
  wait(send(base::as_bytes(body), false));
}

void BeastExchange::begin_reply(Reply head, std::optional<std::uint64_t> size) {
  begin(head, size);
  wait(send({}, true));
}

void BeastExchange::write(base::ByteView bytes) {
  if (!bytes.empty()) wait(send(bytes, true));
}

void BeastExchange::begin(const Reply& head, std::optional<std::uint64_t> size) {
  decide_keep_alive();
  auto& response = response_.emplace();
  response.version(http_1_1);
  response.result(static_cast<unsigned>(head.status));
  response.set(http::field::server, "holdfast");
  for (const auto& header : head.headers)
    response.insert(header.name, header.value);
  response.keep_alive(keeps_alive_);
  if (!size && head_.method != "HEAD") {
    response.chunked(true);
  } else if (response.result() != http::status::no_content) {  // which has no length either
    response.content_length(size.value_or(0));
  }
  serializer_.emplace(response);
}

awaitable<void> BeastExchange::send(base::ByteView bytes, bool more) {
  auto& body = response_->body();
  const bool has_body = head_.method != "HEAD";
  // Beast takes the same type for bodies that it fills and for those it sends.
  body.data = has_body ? const_cast<std::byte*>(bytes.data()) : nullptr;  // NOLINT(*-const-cast)
  body.size = has_body ? bytes.size() : 0;
  body.more = more;
  connection_.expire_after(options_.stall_seconds_max);
  boost::system::error_code code;
  co_await http::async_write(connection_.stream, *serializer_,
                             asio::redirect_error(use_awaitable, code));
  if (code && code != http::error::need_buffer) throw boost::system::system_error(code);
}

awaitable<void> BeastExchange::finish() {
  if (is_broken_) co_return;
  if (serializer_ && !serializer_->is_done()) co_await send({}, false);
  if (!expects_continue_) co_await drain();
}

awaitable<void> BeastExchange::drain() {
  std::vector<std::byte> piece(drained_piece_size);
  for (std::uint64_t drained = 0; !parser_.is_done() && drained < drained_bytes_max;)
    drained += co_await do_read(piece);
  keeps_alive_ = keeps_alive_ && parser_.is_done();
}

}  // namespace holdfast::http_server
