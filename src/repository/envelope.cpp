#include "envelope.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "crypto/blake3.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::repository {

namespace {

constexpr std::uint32_t version_max = 1;
/// Bits of required features that this program knows: none so far.
constexpr std::uint64_t features_known = 0;

[[noreturn]] void corrupt(const std::string& what, std::string_view why) {
  throw base::Error(base::ErrorKind::corrupt, fmt::format("{} is damaged: {}", what, why));
}

[[noreturn]] void unsupported(const std::string& message) {
  throw base::Error(base::ErrorKind::unsupported, message)
      .set_hint("a newer version of holdfast wrote it: update this program");
}

}  // namespace

base::Bytes wrap_envelope(std::string_view magic, const Envelope& envelope) {
  HF_ASSERT(magic.size() == envelope_magic_size, "magics have eight bytes");
  base::Bytes bytes;
  bytes.reserve(envelope.body.size() + envelope_overhead);
  base::append(bytes, base::as_bytes(magic));
  base::put_le<std::uint32_t>(bytes, envelope.version);
  base::put_le<std::uint64_t>(bytes, envelope.required_features);
  base::put_le<std::uint32_t>(bytes, static_cast<std::uint32_t>(envelope.body.size()));
  base::append(bytes, envelope.body);
  base::append(bytes, crypto::blake3(bytes).view());
  return bytes;
}

Envelope unwrap_envelope(std::string_view magic, base::ByteView bytes, const std::string& what) {
  if (bytes.size() < envelope_overhead) corrupt(what, "it is too short");
  const auto checksum = bytes.last(base::Hash::size);
  const auto covered = bytes.first(bytes.size() - base::Hash::size);
  if (!std::ranges::equal(covered.first(envelope_magic_size), base::as_bytes(magic))) {
    corrupt(what, "it does not start as one");
  }
  if (!std::ranges::equal(crypto::blake3(covered).view(), checksum)) {
    corrupt(what, "its checksum does not match");
  }
  base::ByteReader reader(covered.subspan(envelope_magic_size), what.c_str());
  Envelope envelope;
  envelope.version = reader.take<std::uint32_t>();
  envelope.required_features = reader.take<std::uint64_t>();
  if (envelope.version == 0) corrupt(what, "version 0 was never written");
  if (envelope.version > version_max) {
    unsupported(fmt::format("{} has format version {}, this program reads {}", what,
                            envelope.version, version_max));
  }
  if ((envelope.required_features & ~features_known) != 0) {
    unsupported(fmt::format("{} needs features {:#x} that this program does not have", what,
                            envelope.required_features & ~features_known));
  }
  const auto length = reader.take<std::uint32_t>();
  if (length != reader.left()) corrupt(what, "its length does not match");
  envelope.body = base::copy_of(reader.take_bytes(length));
  return envelope;
}

}  // namespace holdfast::repository
