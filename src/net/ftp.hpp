#pragma once

#include "base/bytes.hpp"
#include "base/secret.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::net {

enum class FtpTls : std::uint8_t {
  by_command,  // explicit: in the open until AUTH TLS (RFC 4217)
  at_once,     // implicit: from the first byte, as on port 990
  none,        // everything in the open, the password too
};

/// Where to log in, and as whom.
struct FtpServer {
  std::string host{};  // an IPv6 address without brackets
  std::uint16_t port = 21;
  FtpTls tls = FtpTls::by_command;
  std::string user{};
  base::Secret password{};
};

/// What a server said: "550 Failed to open file." Lines after the first stand behind a '\n'.
struct FtpReply {
  int code = 0;
  std::string text{};
  bool is_success() const { return code >= 100 && code < 400; }
};

enum class FtpListing : std::uint8_t {
  plain,     // LIST: for people, each server its own way
  machines,  // MLSD (RFC 3659)
};

/// A login that is kept, and does one thing at a time. Paths are absolute.
///
/// Errors:  replies that refuse are returned. Thrown is what concerns the connection: unavailable
///          when the same may pass later, access_denied for a wrong password or certificate;
///          Cancelled. After that the next call logs in anew. invalid_input for control characters
///          in a path. Nothing is done twice by itself, and what was asked for when a connection
///          broke may have been done.
/// Threads: one at a time.
class FtpSession {
public:
  virtual ~FtpSession() = default;
  /// One command after the other. The reply is that of the first which was refused, else of the
  /// last.
  virtual FtpReply run(const std::vector<std::string>& commands) = 0;
  /// Writes a file from `offset` on; from 0 it is made, or emptied first.
  virtual FtpReply send(const std::string& path, std::uint64_t offset, base::ByteView bytes) = 0;
  /// Fills `into`; `count` says how far it came, also when it throws. Less than all: the file ends
  /// there. What follows is kept ready: to read on from there asks nothing anew.
  virtual FtpReply receive(const std::string& path, std::uint64_t offset, base::MutableBytes into,
                           std::size_t& count) = 0;
  /// Whether receive() from there would read on.
  virtual bool stands_at(const std::string& path, std::uint64_t offset) const = 0;
  /// Whether there is a file that receive() would read on; what else is asked for gives it up.
  virtual bool is_reading() const = 0;
  /// Whether the last call threw because the server takes no more logins at this moment.
  virtual bool was_turned_away() const = 0;
  /// What the server says of a folder, into `listing`: more than `size_max` bytes are an error, and
  /// so is a list that TLS did not end, for it may be cut. A folder that is absent may look empty.
  virtual FtpReply list(const std::string& folder, FtpListing how, base::Bytes& listing,
                        std::size_t size_max) = 0;
};

}  // namespace holdfast::net
