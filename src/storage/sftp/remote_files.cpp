#include "remote_files.hpp"

#include "base/error.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::uint32_t open_read = 0x01;
constexpr std::uint32_t open_write = 0x02;
constexpr std::uint32_t open_create = 0x08;
constexpr std::uint32_t open_exclusive = 0x20;
constexpr std::uint32_t attributes_none = 0;
constexpr std::uint32_t attributes_mode = 4;
constexpr std::uint32_t file_mode = 0600;
constexpr std::uint32_t directory_mode = 0700;
constexpr const char* space_extension = "statvfs@openssh.com";
constexpr const char* sync_extension = "fsync@openssh.com";
/// Asked for at once of each directory: most have fewer entries than one answer holds.
constexpr int name_requests = 2;

ErrorKind kind_of(StatusCode code) {
  switch (code) {
    case StatusCode::no_such_file:
      return ErrorKind::not_found;
    case StatusCode::permission_denied:
      return ErrorKind::access_denied;
    case StatusCode::no_connection:
    case StatusCode::connection_lost:
      return ErrorKind::unavailable;
    case StatusCode::unsupported:
      return ErrorKind::unsupported;
    default:
      return ErrorKind::io;
  }
}

Status status_of(const Reply& reply) {
  if (reply.type != PacketType::status) {
    throw Error(ErrorKind::io, "the SFTP server gave an answer of another kind");
  }
  PacketReader reader(reply.fields);
  return read_status(reader);
}

/// The handle in a reply, or the status that is there instead.
struct Opened {
  base::Bytes handle;
  Status status{StatusCode::ok, {}};
};

Opened opened_of(const Reply& reply) {
  if (reply.type != PacketType::handle) return {{}, status_of(reply)};
  PacketReader reader(reply.fields);
  return {base::copy_of(reader.bytes())};
}

Connection::Ticket ask(Connection& connection, PacketType type, const std::string& path) {
  return connection.send(type, PacketWriter().text(path).view());
}

}  // namespace

void throw_unless_ok(const Connection& connection, const Status& status, const std::string& doing) {
  if (status.code == StatusCode::ok) return;
  throw Error(kind_of(status.code),
              fmt::format("{} on {}: {}", doing, connection.store(),
                          status.message.empty()
                              ? fmt::format("status {}", static_cast<unsigned>(status.code))
                              : base::printable(status.message)));
}

Status wait_status(Connection& connection, Connection::Ticket ticket) {
  return status_of(connection.wait(ticket));
}

namespace {

std::optional<FileAttributes> wait_attributes(Connection& connection, Connection::Ticket ticket,
                                              const std::string& path) {
  const auto reply = connection.wait(ticket);
  if (reply.type == PacketType::attributes) {
    PacketReader reader(reply.fields);
    return read_attributes(reader);
  }
  const auto status = status_of(reply);
  if (status.code == StatusCode::no_such_file) return std::nullopt;
  throw_unless_ok(connection, status, "looking at " + path);
  throw Error(ErrorKind::io, "the SFTP server gave an answer of another kind");
}

}  // namespace

std::optional<FileAttributes> stat_file(Connection& connection, const std::string& path) {
  return wait_attributes(connection, ask(connection, PacketType::stat, path), path);
}

DirectoryCheck::DirectoryCheck(Connection& connection, std::string root)
    : connection_(connection),
      root_(std::move(root)),
      asked_(ask(connection, PacketType::stat, root_)) {}

DirectoryCheck::~DirectoryCheck() {
  if (asked_) connection_.drop(*asked_);
}

void DirectoryCheck::require() {
  const auto there = wait_attributes(connection_, *std::exchange(asked_, std::nullopt), root_);
  if (there && there->is_directory()) return;
  throw Error(ErrorKind::not_found, fmt::format("the store {} is not there", connection_.store()))
      .set_hint("check the path, and whether the disk is mounted on the server")
      .set_layer(base::Layer::place);
}

void require_directory(Connection& connection, const std::string& root) {
  DirectoryCheck(connection, root).require();
}

std::optional<std::uint64_t> free_bytes(Connection& connection, const std::string& path) {
  if (!connection.has_extension(space_extension)) return std::nullopt;
  const auto reply = connection.wait(connection.send(
      PacketType::extended, PacketWriter().text(space_extension).text(path).view()));
  if (reply.type != PacketType::extended_reply) return std::nullopt;
  PacketReader reader(reply.fields);
  reader.u64();  // block size
  const auto fragment = reader.u64();
  reader.u64();  // blocks
  reader.u64();  // free
  const auto available = reader.u64();
  if (fragment != 0 && available > UINT64_MAX / fragment) return std::nullopt;
  return available * fragment;
}

Status remove_file(Connection& connection, const std::string& path) {
  return wait_status(connection, ask(connection, PacketType::remove, path));
}

void make_directories(Connection& connection, const std::string& root, const std::string& path) {
  for (auto slash = path.find('/', root.size() + 1);; slash = path.find('/', slash + 1)) {
    const auto directory = path.substr(0, slash);
    const auto ticket = connection.send(
        PacketType::mkdir,
        PacketWriter().text(directory).u32(attributes_mode).u32(directory_mode).view());
    const auto status = wait_status(connection, ticket);
    // That it is there already is a failure like any other in version 3.
    if (status.code != StatusCode::ok) {
      const auto there = stat_file(connection, directory);
      if (!there || !there->is_directory()) {
        throw_unless_ok(connection, status, "making directory " + directory);
      }
    }
    if (slash == path.npos) return;
  }
}

RemoteFile::RemoteFile(std::shared_ptr<Connection> connection, const std::string& path, Mode mode)
    : connection_(std::move(connection)), path_(path) {
  PacketWriter fields;
  fields.text(path);
  if (mode == Mode::read) {
    fields.u32(open_read).u32(attributes_none);
  } else if (mode == Mode::resume) {
    fields.u32(open_write).u32(attributes_none);
  } else {
    fields.u32(open_write | open_create | open_exclusive).u32(attributes_mode).u32(file_mode);
  }
  auto opened = opened_of(connection_->wait(connection_->send(PacketType::open, fields.view())));
  throw_unless_ok(*connection_, opened.status,
                  (mode == Mode::create ? "creating " : "opening ") + path);
  handle_ = std::move(opened.handle);
}

RemoteFile::~RemoteFile() {
  try {
    connection_->drop(connection_->send(PacketType::close, PacketWriter().bytes(handle_).view()));
  } catch (const Error&) {  // the connection is gone, and the handle with it
    return;
  }
}

std::size_t RemoteFile::read(std::uint64_t offset, base::MutableBytes into) const {
  struct Asked {
    std::size_t at;
    std::size_t size;
    Connection::Ticket ticket;
  };
  const auto ask_for = [&](std::size_t at, std::size_t size) {
    const auto fields =
        PacketWriter().bytes(handle_).u64(offset + at).u32(static_cast<std::uint32_t>(size));
    return Asked{at, size, connection_->send(PacketType::read, fields.view())};
  };
  std::vector<Asked> asked;
  for (std::size_t at = 0; at < into.size(); at += request_size_max)
    asked.push_back(ask_for(at, std::min(request_size_max, into.size() - at)));
  // Else each short answer needs another wait to learn that nothing follows it.
  if (size_ == unknown_size) ask_for_size();
  std::size_t end = into.size();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto [at, size, ticket] = asked[i];
    const auto reply = connection_->wait(ticket);
    if (reply.type != PacketType::data) {
      const auto status = status_of(reply);
      if (status.code != StatusCode::end_of_file) {
        throw_unless_ok(*connection_, status, "reading " + path_);
      }
      end = std::min(end, at);
      continue;
    }
    PacketReader reader(reply.fields);
    const auto bytes = reader.bytes();
    if (bytes.empty() || bytes.size() > size) {
      throw Error(ErrorKind::io, "the SFTP server sent other bytes than were asked for");
    }
    std::copy(bytes.begin(), bytes.end(), into.begin() + static_cast<std::ptrdiff_t>(at));
    if (bytes.size() == size) continue;
    const auto rest = at + bytes.size();
    if (offset + rest >= size_) {
      end = std::min(end, rest);
    } else {  // less than was asked for is allowed anywhere
      asked.push_back(ask_for(rest, size - bytes.size()));
    }
  }
  return end;
}

void RemoteFile::ask_for_size() const {
  const auto reply =
      connection_->wait(connection_->send(PacketType::fstat, PacketWriter().bytes(handle_).view()));
  if (reply.type != PacketType::attributes) return;  // then the end shows when it is read
  PacketReader reader(reply.fields);
  size_ = read_attributes(reader).size.value_or(unknown_size);
}

Connection::Ticket RemoteFile::write(std::uint64_t offset, base::ByteView bytes) const {
  return connection_->send(PacketType::write,
                           PacketWriter().bytes(handle_).u64(offset).bytes(bytes).view());
}

Connection::Ticket RemoteFile::sync() const {
  return connection_->send(PacketType::extended,
                           PacketWriter().text(sync_extension).bytes(handle_).view());
}

bool RemoteFile::has_sync() const { return connection_->has_extension(sync_extension); }

namespace {

/// One directory of several that are read side by side.
struct Listing {
  std::size_t which;
  base::Bytes handle;
  std::vector<Connection::Ticket> asked;
  bool ended = false;
};

void ask_for_names(Connection& connection, Listing& listing) {
  for (int i = 0; i < name_requests; ++i) {
    listing.asked.push_back(
        connection.send(PacketType::readdir, PacketWriter().bytes(listing.handle).view()));
  }
}

void take_names(Connection& connection, Listing& listing, std::vector<DirectoryEntry>& entries,
                const std::string& path) {
  for (const auto ticket : std::exchange(listing.asked, {})) {
    const auto reply = connection.wait(ticket);
    if (reply.type == PacketType::name) {
      PacketReader reader(reply.fields);
      auto names = read_names(reader);
      entries.insert(entries.end(), std::make_move_iterator(names.begin()),
                     std::make_move_iterator(names.end()));
      continue;
    }
    const auto status = status_of(reply);
    if (status.code != StatusCode::end_of_file) {
      throw_unless_ok(connection, status, "listing " + path);
    }
    listing.ended = true;
  }
}

}  // namespace

std::vector<std::optional<std::vector<DirectoryEntry>>> list_directories(
    Connection& connection, const std::vector<std::string>& paths) {
  std::vector<Connection::Ticket> opening;
  opening.reserve(paths.size());
  for (const auto& path : paths)
    opening.push_back(ask(connection, PacketType::opendir, path));
  std::vector<std::optional<std::vector<DirectoryEntry>>> found(paths.size());
  std::vector<Listing> open;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    auto opened = opened_of(connection.wait(opening[i]));
    if (opened.status.code == StatusCode::no_such_file) continue;
    throw_unless_ok(connection, opened.status, "listing " + paths[i]);
    found[i].emplace();
    open.push_back({i, std::move(opened.handle), {}});
  }
  while (!open.empty()) {
    for (auto& listing : open)
      ask_for_names(connection, listing);
    for (auto& listing : open)
      take_names(connection, listing, *found[listing.which], paths[listing.which]);
    std::erase_if(open, [&](const Listing& listing) {
      if (!listing.ended) return false;
      connection.drop(
          connection.send(PacketType::close, PacketWriter().bytes(listing.handle).view()));
      return true;
    });
  }
  return found;
}

}  // namespace holdfast::storage
