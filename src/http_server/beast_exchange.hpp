// One connection and one exchange on it, over Boost.Beast. Included by .cpp files of this folder.
#pragma once

#include "http_server/exchange.hpp"
#include "http_server/http_server.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>

#include <atomic>

namespace holdfast::http_server {

/// A client. Its coroutine and the operations of its handler run one at a time, on its strand.
struct Connection {
  Connection(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context& tls,
             boost::asio::io_context& io);

  void expire_after(double seconds);
  void close();

  boost::asio::ssl::stream<boost::beast::tcp_stream> stream;
  boost::beast::flat_buffer buffer;
  std::string peer;
  std::atomic<bool> is_busy = false;  // a request is at work
  // Nothing else keeps the sockets' threads running while a handler computes.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
};

using RequestParser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;

class BeastExchange final : public Exchange {
public:
  /// Both borrowed; `parser` has the head.
  BeastExchange(Connection& connection, RequestParser& parser, const ServerOptions& options);

  const RequestHead& head() const override { return head_; }
  std::optional<std::uint64_t> body_size() const override;
  std::size_t read(base::MutableBytes into) override;
  void reply(Reply reply) override;
  void begin_reply(Reply head, std::optional<std::uint64_t> size) override;
  void write(base::ByteView bytes) override;
  bool has_replied() const override { return has_replied_; }

  // For the connection's coroutine, after the handler.

  /// The handler gave up after it had begun to reply.
  void fail() { is_broken_ = true; }
  /// Sends what the reply still lacks and takes what is left of the request.
  boost::asio::awaitable<void> finish();
  /// Whether another request may follow.
  bool keeps_alive() const { return keeps_alive_ && !is_broken_; }
  void end_after_this() { may_keep_alive_ = false; }

private:
  using BufferBody = boost::beast::http::buffer_body;

  boost::asio::awaitable<std::size_t> do_read(base::MutableBytes into);
  /// Makes the head of a reply whose body has `size` bytes; unknown when nothing.
  void begin(const Reply& head, std::optional<std::uint64_t> size);
  /// Sends the head unless it went already, then `bytes`; `more` of them follow.
  boost::asio::awaitable<void> send(base::ByteView bytes, bool more);
  boost::asio::awaitable<void> drain();
  template <class Result>
  Result wait(boost::asio::awaitable<Result> work);
  void decide_keep_alive();

  Connection& connection_;
  RequestParser& parser_;
  const ServerOptions& options_;
  RequestHead head_;
  bool expects_continue_ = false;
  bool may_keep_alive_ = true;
  bool keeps_alive_ = false;
  bool has_replied_ = false;
  bool is_broken_ = false;
  std::optional<boost::beast::http::response<BufferBody>> response_;
  std::optional<boost::beast::http::response_serializer<BufferBody>> serializer_;
};

}  // namespace holdfast::http_server
