#include "connection.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <sys/socket.h>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;
using base::Layer;

namespace {

constexpr std::size_t last_words_max = 2000;
constexpr std::size_t read_size = 256 * 1024;
/// How often the reader looks whether it is to stop.
constexpr int look_ms = 200;
/// The version is asked for and answered without a number.
constexpr Connection::Ticket version_ticket = 0;
constexpr const char* stall_hint =
    "check the network (a wrong MTU stalls large packets only) and the load of the server";
constexpr short readable = POLLIN | POLLHUP | POLLERR;

void append_u32(base::Bytes& to, std::uint32_t value) {
  base::append(to, PacketWriter().u32(value).view());
}

bool carries_data(PacketType type) { return type == PacketType::read || type == PacketType::write; }

std::string last_line_of(const std::string& text) {
  auto end = text.find_last_not_of("\r\n ");
  if (end == text.npos) return {};
  const auto start = text.find_last_of('\n', end);
  return text.substr(start == text.npos ? 0 : start + 1,
                     end - (start == text.npos ? 0 : start + 1) + 1);
}

}  // namespace

SshFailure explain_ssh_failure(const std::string& last_words) {
  const auto says = [&](const char* words) { return last_words.find(words) != last_words.npos; };
  if (says("REMOTE HOST IDENTIFICATION HAS CHANGED")) {
    return {Layer::trust,
            "the server's host key is another one than before: compare it with the server's "
            "administrator before you remove the old one with ssh-keygen -R"};
  }
  if (says("Host key verification failed")) {
    return {Layer::trust,
            "the server's host key is not known here: connect once with ssh, compare the "
            "fingerprint and accept it"};
  }
  if (says("UNPROTECTED PRIVATE KEY FILE") || says("bad permissions")) {
    return {Layer::login, "only its owner may read a private key: chmod 600"};
  }
  if (says("Permission denied") || says("Too many authentication failures")) {
    return {Layer::login,
            "give this user a key that the server accepts; nobody is asked for a password"};
  }
  if (says("Could not resolve hostname")) return {Layer::name, "check the name of the host"};
  if (says("Connection refused"))
    return {Layer::port, "check the port, and whether sshd runs there"};
  if (says("Connection timed out") || says("Operation timed out")) {
    return {Layer::port, "check the address, and firewalls that drop packets"};
  }
  if (says("No route to host") || says("Network is unreachable")) {
    return {Layer::port, "check the network of this machine and the address"};
  }
  if (says("subsystem request failed")) {
    return {Layer::rights,
            "the server offers no SFTP: add 'Subsystem sftp internal-sftp' to sshd_config"};
  }
  return {Layer::unknown, "try the same with sftp"};
}

Connection::Connection(const std::vector<std::string>& arguments, std::string store,
                       unsigned stall_seconds)
    : store_(std::move(store)), stall_seconds_(stall_seconds), process_(arguments) {
  asked_.emplace(version_ticket, PacketType::init);
  reader_.spawn([this](const std::stop_token& stopping) { read_replies(stopping); });
  base::Bytes packet;
  append_u32(packet, 5);
  base::append(packet,
               PacketWriter().u8(static_cast<std::uint8_t>(PacketType::init)).u32(3).view());
  write_packet(packet);
  const auto reply = wait(version_ticket);
  if (reply.type != PacketType::version) {
    throw Error(ErrorKind::io, store_ + ": the server does not speak SFTP")
        .set_hint("a login shell that prints something breaks SFTP: ssh HOST true must be silent");
  }
  PacketReader reader(reply.fields);
  extensions_ = read_version(reader);
}

Connection::~Connection() {
  reader_.request_stop();
  if (broken_) process_.kill();
}

Connection::Ticket Connection::send(PacketType type, base::ByteView fields) {
  Ticket ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    if (broken_) throw_broken();
    ticket = next_ticket_++;
    asked_.emplace(ticket, type);
    if (carries_data(type)) ++load_;
  }
  base::Bytes packet;
  packet.reserve(fields.size() + 9);
  append_u32(packet, static_cast<std::uint32_t>(fields.size() + 5));
  packet.push_back(static_cast<std::byte>(type));
  append_u32(packet, ticket);
  base::append(packet, fields);
  write_packet(packet);
  return ticket;
}

/// The pipe to ssh may be full: then ssh is waiting for the network.
void Connection::write_packet(base::ByteView packet) {
  const std::lock_guard turn(writing_);
  while (!packet.empty() && !broken_) {
    const auto written = ::send(process_.input(), packet.data(), packet.size(), MSG_NOSIGNAL);
    if (written > 0) {
      packet = packet.subspan(static_cast<std::size_t>(written));
      continue;
    }
    if (written < 0 && errno != EAGAIN && errno != EINTR) {
      // Why is what ssh says before it ends: the reader hears it.
      break;
    }
    pollfd room{process_.input(), POLLOUT, 0};
    if (::poll(&room, 1, static_cast<int>(stall_seconds_) * 1000) == 0) {
      fail(fmt::format("the connection took nothing for {} seconds", stall_seconds_), stall_hint);
    }
  }
}

Reply Connection::wait(Ticket ticket) {
  std::unique_lock lock(mutex_);
  return wait_for(lock, ticket);
}

Reply Connection::wait_for(std::unique_lock<std::mutex>& lock, Ticket ticket) {
  for (;;) {
    if (const auto found = replies_.find(ticket); found != replies_.end()) {
      auto reply = std::move(found->second);
      replies_.erase(found);
      return reply;
    }
    if (broken_) throw_broken();
    const auto before = packets_seen_;
    const auto outcome = arrived_.wait_for(lock, std::chrono::seconds(stall_seconds_));
    if (outcome == std::cv_status::timeout && packets_seen_ == before &&
        !replies_.contains(ticket)) {
      lock.unlock();
      fail(fmt::format("the server said nothing for {} seconds", stall_seconds_), stall_hint);
      lock.lock();
    }
  }
}

void Connection::drop(Ticket ticket) {
  const std::lock_guard lock(mutex_);
  if (replies_.erase(ticket) == 0) dropped_.insert(ticket);
}

std::size_t Connection::load() const {
  const std::lock_guard lock(mutex_);
  return load_;
}

void Connection::read_replies(const std::stop_token& stopping) {
  base::Bytes pending;
  try {
    while (!stopping.stop_requested()) {
      std::array<pollfd, 2> fds = {pollfd{process_.output(), POLLIN, 0},
                                   pollfd{process_.errors(), POLLIN, 0}};
      if (::poll(fds.data(), fds.size(), look_ms) < 0 && errno != EINTR) break;
      if ((fds[1].revents & readable) != 0) read_errors();
      if ((fds[0].revents & readable) != 0 && !read_output(pending)) break;
    }
    if (!stopping.stop_requested()) {
      read_errors();
      fail("the connection ended", "");
    }
  } catch (const Error& error) {
    fail(error.what(), error.hint());
  }
}

/// False at the end.
bool Connection::read_output(base::Bytes& pending) {
  const auto before = pending.size();
  pending.resize(before + read_size);
  const auto got = ::read(process_.output(), pending.data() + before, read_size);
  pending.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  take_packets(pending);
  return got > 0;
}

void Connection::take_packets(base::Bytes& pending) {
  std::size_t at = 0;
  while (pending.size() - at >= 4) {
    const auto rest = base::ByteView(pending).subspan(at);
    const auto size = PacketReader(rest).u32();
    if (size == 0 || size > packet_size_max) {
      throw Error(ErrorKind::io,
                  fmt::format("the server does not speak SFTP: it sent a packet of {} bytes", size))
          .set_hint(
              "a login shell that prints something breaks SFTP: ssh HOST true must be silent");
    }
    if (rest.size() - 4 < size) break;
    take_packet(rest.subspan(4, size));
    at += 4 + size;
  }
  pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(at));
}

void Connection::take_packet(base::ByteView packet) {
  PacketReader reader(packet);
  const auto type = static_cast<PacketType>(reader.u8());
  const auto ticket = type == PacketType::version ? version_ticket : reader.u32();
  const auto fields = packet.last(reader.left());
  {
    const std::lock_guard lock(mutex_);
    const auto asked = asked_.find(ticket);
    if (asked == asked_.end()) {
      throw Error(ErrorKind::io, "the server answered what it was not asked");
    }
    if (carries_data(asked->second)) --load_;
    asked_.erase(asked);
    ++packets_seen_;
    if (dropped_.erase(ticket) == 0) replies_[ticket] = {type, base::copy_of(fields)};
  }
  arrived_.notify_all();
}

void Connection::read_errors() {
  std::array<char, 1024> text;
  for (;;) {
    const auto got = ::read(process_.errors(), text.data(), text.size());
    if (got <= 0) return;
    const std::lock_guard lock(mutex_);
    last_words_.append(text.data(), static_cast<std::size_t>(got));
    if (last_words_.size() > last_words_max) {
      last_words_.erase(0, last_words_.size() - last_words_max);
    }
  }
}

void Connection::fail(const std::string& why, const std::string& hint) {
  {
    const std::lock_guard lock(mutex_);
    if (why_broken_.empty()) {
      why_broken_ = why;
      hint_broken_ = hint;
    }
    broken_ = true;
  }
  process_.kill();
  arrived_.notify_all();
}

/// The mutex is held.
void Connection::throw_broken() const {
  const auto said = last_line_of(last_words_);
  const auto meaning = explain_ssh_failure(last_words_);
  throw Error(meaning.is_final() ? ErrorKind::access_denied : ErrorKind::unavailable,
              fmt::format("{}: {}{}{}", store_, why_broken_,
                          said.empty() ? "" : "; ssh said: ", base::printable(said)))
      .set_hint(hint_broken_.empty() ? meaning.hint : hint_broken_)
      .set_layer(meaning.layer);
}

}  // namespace holdfast::storage
