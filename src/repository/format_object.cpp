#include "repository/format_object.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "envelope.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace holdfast::repository {

namespace {

constexpr std::string_view magic = "HOLDFAST";
constexpr std::string_view signature_domain = "holdfast format object";
/// An envelope with a future, larger body is still read as far as its version.
constexpr std::size_t format_size_max = 64 * 1024;

base::Bytes signed_text(const FormatObject& format) {
  auto text = base::copy_of(base::as_bytes(signature_domain));
  base::put_le<std::uint32_t>(text, format.version);
  base::put_le<std::uint64_t>(text, format.required_features);
  base::append(text, format.id.view());
  base::append(text, format.owner_signing_key);
  base::put_le<std::uint64_t>(text, static_cast<std::uint64_t>(format.created_seconds));
  base::put_le<std::uint32_t>(text, format.parity_percent);
  return text;
}

}  // namespace

std::vector<std::string> format_names() { return {"format", "format.2", "format.3"}; }

base::Bytes encode_format(const FormatObject& format, const crypto::SigningKeyPair& owner) {
  Envelope envelope{format.version, format.required_features, {}};
  base::append(envelope.body, format.id.view());
  base::append(envelope.body, format.owner_signing_key);
  base::put_le<std::uint64_t>(envelope.body, static_cast<std::uint64_t>(format.created_seconds));
  base::put_le<std::uint32_t>(envelope.body, format.parity_percent);
  base::append(envelope.body, crypto::sign(owner, signed_text(format)));
  return wrap_envelope(magic, envelope);
}

FormatObject decode_format(base::ByteView bytes) {
  const auto envelope = unwrap_envelope(magic, bytes, "the format object");
  base::ByteReader reader(envelope.body, "the format object");
  FormatObject format;
  format.version = envelope.version;
  format.required_features = envelope.required_features;
  format.id = base::RepositoryId::from_bytes(reader.take_bytes(base::RepositoryId::size));
  std::ranges::copy(reader.take_bytes(format.owner_signing_key.size()),
                    format.owner_signing_key.begin());
  format.created_seconds = static_cast<std::int64_t>(reader.take<std::uint64_t>());
  format.parity_percent = reader.take<std::uint32_t>();
  crypto::Signature signature;
  std::ranges::copy(reader.take_bytes(signature.size()), signature.begin());
  reader.expect_end();
  if (!crypto::verify(format.owner_signing_key, signed_text(format), signature)) {
    throw base::Error(base::ErrorKind::corrupt, "the format object is not what its owner signed");
  }
  if (format.parity_percent > pipeline::parity_percent_max) {
    throw base::Error(base::ErrorKind::corrupt, "the format object asks for impossible parity");
  }
  return format;
}

void store_format(storage::Backend& backend, base::ByteView encoded) {
  const auto refuse = [&] {
    throw base::Error(base::ErrorKind::already_exists,
                      fmt::format("there is a repository at {} already", backend.describe()))
        .set_hint("back up into it with its passphrase, or choose an empty place");
  };
  // Also when only a later copy is left: a new first copy would hide the repository that is there.
  for (const auto& name : format_names()) {
    if (backend.stat(name)) refuse();
  }
  for (const auto& name : format_names()) {
    if (storage::put(backend, name, encoded) != storage::PutOutcome::stored) refuse();
  }
}

FormatObject load_format(storage::Backend& backend) {
  std::optional<base::Error> damage;
  for (const auto& name : format_names()) {
    try {
      return decode_format(storage::get(backend, name, format_size_max));
    } catch (base::Error& error) {
      if (error.kind() == base::ErrorKind::not_found) continue;
      if (error.kind() != base::ErrorKind::corrupt) throw;
      error.add_context(fmt::format("reading {} of {}", name, backend.describe()));
      if (!damage) damage = error;
    }
  }
  if (damage) throw *damage;
  throw base::Error(base::ErrorKind::not_found,
                    fmt::format("there is no repository at {}", backend.describe()))
      .set_hint("check the path, or make one there with: holdfast init");
}

}  // namespace holdfast::repository
