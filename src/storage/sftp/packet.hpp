// Packets of the SSH File Transfer Protocol, version 3, as OpenSSH speaks it
// (draft-ietf-secsh-filexfer-02, and PROTOCOL of OpenSSH for its extensions). Numbers are
// big-endian; what a server sends is hostile until read.
#pragma once

#include "base/bytes.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::storage {

enum class PacketType : std::uint8_t {
  init = 1,
  version = 2,
  open = 3,
  close = 4,
  read = 5,
  write = 6,
  lstat = 7,
  fstat = 8,
  opendir = 11,
  readdir = 12,
  remove = 13,
  mkdir = 14,
  rmdir = 15,
  realpath = 16,
  stat = 17,
  rename = 18,
  status = 101,
  handle = 102,
  data = 103,
  name = 104,
  attributes = 105,
  extended = 200,
  extended_reply = 201,
};

enum class StatusCode : std::uint32_t {
  ok = 0,
  end_of_file = 1,
  no_such_file = 2,
  permission_denied = 3,
  failure = 4,
  bad_message = 5,
  no_connection = 6,
  connection_lost = 7,
  unsupported = 8,
};

/// Larger packets are not made here and not taken: OpenSSH has the same bound.
inline constexpr std::size_t packet_size_max = 256 * 1024;

/// The fields of a packet, one after the other.
class PacketWriter {
public:
  PacketWriter& u8(std::uint8_t value);
  PacketWriter& u32(std::uint32_t value);
  PacketWriter& u64(std::uint64_t value);
  PacketWriter& text(std::string_view value) { return bytes(base::as_bytes(value)); }
  PacketWriter& bytes(base::ByteView value);
  base::ByteView view() const { return bytes_; }

private:
  base::Bytes bytes_;
};

/// Reads the fields of a packet. Errors: io when it ends too early: the server speaks wrongly.
class PacketReader {
public:
  explicit PacketReader(base::ByteView bytes) : rest_(bytes) {}
  std::uint8_t u8();
  std::uint32_t u32();
  std::uint64_t u64();
  base::ByteView bytes();
  std::string text();
  std::size_t left() const { return rest_.size(); }

private:
  base::ByteView take(std::size_t size);
  base::ByteView rest_;
};

struct FileAttributes {
  std::optional<std::uint64_t> size;
  std::optional<std::uint32_t> mode;   // with the type
  std::optional<std::uint32_t> mtime;  // seconds since 1970

  bool is_directory() const;
  bool is_regular() const;
  bool is_symlink() const;
};
FileAttributes read_attributes(PacketReader& reader);

struct DirectoryEntry {
  std::string name;
  FileAttributes attributes;
};
std::vector<DirectoryEntry> read_names(PacketReader& reader);

struct Status {
  StatusCode code = StatusCode::failure;
  std::string message;
};
Status read_status(PacketReader& reader);

/// The extensions that a version packet names, with their data.
std::map<std::string, std::string> read_version(PacketReader& reader);

}  // namespace holdfast::storage
