#include "packet.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <sys/stat.h>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::uint32_t has_size = 1;
constexpr std::uint32_t has_owner = 2;
constexpr std::uint32_t has_mode = 4;
constexpr std::uint32_t has_times = 8;
constexpr std::uint32_t has_extended = 0x80000000;
constexpr std::uint32_t version_spoken = 3;

template <class Number>
Number load_big_endian(base::ByteView bytes) {
  Number value = 0;
  for (const auto byte : bytes)
    value = static_cast<Number>(value << 8 | static_cast<Number>(byte));
  return value;
}

bool has_type(const FileAttributes& attributes, mode_t type) {
  return attributes.mode && (*attributes.mode & S_IFMT) == type;
}

}  // namespace

PacketWriter& PacketWriter::u8(std::uint8_t value) {
  bytes_.push_back(std::byte{value});
  return *this;
}

PacketWriter& PacketWriter::u32(std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes_.push_back(static_cast<std::byte>(value >> shift));
  return *this;
}

PacketWriter& PacketWriter::u64(std::uint64_t value) {
  return u32(static_cast<std::uint32_t>(value >> 32)).u32(static_cast<std::uint32_t>(value));
}

PacketWriter& PacketWriter::bytes(base::ByteView value) {
  u32(static_cast<std::uint32_t>(value.size()));
  base::append(bytes_, value);
  return *this;
}

base::ByteView PacketReader::take(std::size_t size) {
  if (size > rest_.size()) {
    throw Error(ErrorKind::io, "the SFTP server sent a packet that ends too early");
  }
  const auto taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}

std::uint8_t PacketReader::u8() { return load_big_endian<std::uint8_t>(take(1)); }
std::uint32_t PacketReader::u32() { return load_big_endian<std::uint32_t>(take(4)); }
std::uint64_t PacketReader::u64() { return load_big_endian<std::uint64_t>(take(8)); }
base::ByteView PacketReader::bytes() { return take(u32()); }
std::string PacketReader::text() { return std::string(base::as_text(bytes())); }

bool FileAttributes::is_directory() const { return has_type(*this, S_IFDIR); }
bool FileAttributes::is_regular() const { return has_type(*this, S_IFREG); }
bool FileAttributes::is_symlink() const { return has_type(*this, S_IFLNK); }

FileAttributes read_attributes(PacketReader& reader) {
  FileAttributes attributes;
  const auto flags = reader.u32();
  if ((flags & has_size) != 0) attributes.size = reader.u64();
  if ((flags & has_owner) != 0) reader.u64();
  if ((flags & has_mode) != 0) attributes.mode = reader.u32();
  if ((flags & has_times) != 0) {
    reader.u32();
    attributes.mtime = reader.u32();
  }
  if ((flags & has_extended) != 0) {
    for (auto count = reader.u32(); count > 0; --count) {
      reader.bytes();
      reader.bytes();
    }
  }
  return attributes;
}

std::vector<DirectoryEntry> read_names(PacketReader& reader) {
  std::vector<DirectoryEntry> entries;
  for (auto count = reader.u32(); count > 0; --count) {
    DirectoryEntry entry;
    entry.name = reader.text();
    reader.bytes();  // as ls -l shows it
    entry.attributes = read_attributes(reader);
    entries.push_back(std::move(entry));
  }
  return entries;
}

Status read_status(PacketReader& reader) {
  Status status;
  status.code = static_cast<StatusCode>(reader.u32());
  // Very old servers send no message.
  if (reader.left() > 0) status.message = reader.text();
  return status;
}

std::map<std::string, std::string> read_version(PacketReader& reader) {
  if (const auto version = reader.u32(); version != version_spoken) {
    throw Error(ErrorKind::unsupported,
                fmt::format("the SFTP server speaks version {} of the protocol", version))
        .set_hint("version 3 is needed, which OpenSSH and most others speak");
  }
  std::map<std::string, std::string> extensions;
  while (reader.left() > 0) {
    auto name = reader.text();
    extensions[std::move(name)] = reader.text();
  }
  return extensions;
}

}  // namespace holdfast::storage
