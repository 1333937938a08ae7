#pragma once

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/task_group.hpp"
#include "packet.hpp"
#include "ssh_process.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace holdfast::storage {

/// A reply: its type, and what follows the number of the request.
struct Reply {
  PacketType type{};
  base::Bytes fields;
};

/// One SFTP connection with any number of requests under way: over a long line it is the number of
/// waits that costs, not that of requests.
///
/// Errors:  unavailable once the connection is gone, with the last words of ssh; access_denied when
///          it never came to be because of keys; io when the server speaks wrongly.
/// Threads: all calls from any thread.
class Connection {
public:
  using Ticket = std::uint32_t;

  /// Starts `arguments` (ssh and what it needs) and waits for the server's version. A server that
  /// says nothing for `stall_seconds` while something is asked of it is given up.
  Connection(const std::vector<std::string>& arguments, std::string store, unsigned stall_seconds);
  ~Connection();

  /// Sends a request; `fields` is what follows its number. Each ticket is waited for or dropped.
  Ticket send(PacketType type, base::ByteView fields);
  Reply wait(Ticket ticket);
  /// Nobody wants the reply.
  void drop(Ticket ticket);

  bool is_broken() const { return broken_; }
  /// Requests under way that carry data: what fills the line.
  std::size_t load() const;
  bool has_extension(const std::string& name) const { return extensions_.contains(name); }
  const std::string& store() const { return store_; }

private:
  void read_replies(const std::stop_token& stopping);
  bool read_output(base::Bytes& pending);
  void take_packets(base::Bytes& pending);
  void take_packet(base::ByteView packet);
  void read_errors();
  void write_packet(base::ByteView packet);
  /// `hint`: empty where ssh's last words say what to do.
  void fail(const std::string& why, const std::string& hint);
  [[noreturn]] void throw_broken() const;
  Reply wait_for(std::unique_lock<std::mutex>& lock, Ticket ticket);

  const std::string store_;
  const unsigned stall_seconds_;
  SshProcess process_;
  std::map<std::string, std::string> extensions_;

  std::mutex writing_;  // held while a packet is written: packets do not mix
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  Ticket next_ticket_ = 1;
  std::unordered_map<Ticket, PacketType> asked_;
  std::size_t load_ = 0;
  std::unordered_set<Ticket> dropped_;
  std::unordered_map<Ticket, Reply> replies_;
  std::uint64_t packets_seen_ = 0;
  std::string why_broken_;
  std::string hint_broken_;
  std::string last_words_;  // of ssh
  std::atomic<bool> broken_ = false;
  base::TaskGroup reader_;  // last: it ends before what it uses
};

/// What ssh's last words mean. Public for its test.
struct SshFailure {
  base::Layer layer = base::Layer::unknown;
  std::string hint;
  /// Trying again would not help.
  bool is_final() const { return layer >= base::Layer::trust; }
};
SshFailure explain_ssh_failure(const std::string& last_words);

}  // namespace holdfast::storage
