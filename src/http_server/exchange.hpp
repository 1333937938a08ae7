#pragma once

#include "base/bytes.hpp"
#include "net/http.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace holdfast::http_server {

/// What a request says before its body. All of it is the client's: bounded in size, else anything.
struct RequestHead {
  std::string method;
  std::string target;  // path and query, as sent
  net::Headers headers{};
  std::string peer;  // address of the client, for messages
};

struct Reply {
  int status = 200;
  net::Headers headers{};
  std::string body{};
};

/// One request and the reply to it. A handler reads the body as far as it cares, and replies once.
///
/// Errors:  unavailable when the client went away, or is too slow; then nobody hears a reply.
/// Threads: of the handler only.
class Exchange {
public:
  virtual ~Exchange() = default;
  virtual const RequestHead& head() const = 0;
  /// Of the body; nothing when it is not said beforehand.
  virtual std::optional<std::uint64_t> body_size() const = 0;
  /// Fills `into` as far as the body goes; 0 at its end.
  virtual std::size_t read(base::MutableBytes into) = 0;
  /// A whole reply.
  virtual void reply(Reply reply) = 0;
  /// The head of a reply whose body follows in pieces: `size` bytes of it, or until the handler
  /// returns. To HEAD it is the whole reply, and what is written is dropped.
  virtual void begin_reply(Reply head, std::optional<std::uint64_t> size) = 0;
  virtual void write(base::ByteView bytes) = 0;
  /// Whether a reply was begun.
  virtual bool has_replied() const = 0;
};

/// Handles one request; many of them run at once. One that throws, or does not reply, is answered
/// with status 500 if there was no reply yet; else the connection breaks, so that nobody takes half
/// a body for all of it.
using Handler = std::function<void(Exchange&)>;

}  // namespace holdfast::http_server
