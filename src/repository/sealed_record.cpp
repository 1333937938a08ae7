#include "sealed_record.hpp"

#include "base/error.hpp"
#include "crypto/aead.hpp"
#include "crypto/blake3.hpp"
#include "envelope.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::repository {

namespace {

base::Secret id_key_of(const RecordKind& kind, const base::RepositoryId& repository,
                       const KeyBundle& keys) {
  return crypto::hkdf(keys.metadata_key.view(), repository.view(), kind.id_label,
                      sizeof(crypto::Blake3Key));
}

}  // namespace

RecordSealer::RecordSealer(const base::RepositoryId& repository, const KeyBundle& keys)
    : repository_(repository),
      keys_(keys),
      snapshot_id_key_(id_key_of(snapshot_record, repository, keys)),
      deletion_id_key_(id_key_of(deletion_record, repository, keys)) {}

crypto::PublicKey RecordSealer::writer() const {
  return crypto::signing_key_pair_of(keys_.signing_seed.view()).public_key;
}

std::optional<Certificate> RecordSealer::certificate() const {
  if (keys_.role == Role::owner) return std::nullopt;
  return keys_.certificate;
}

base::Hash RecordSealer::id_of(const RecordKind& kind, base::ByteView signed_record) const {
  const auto& derived = &kind == &deletion_record ? deletion_id_key_ : snapshot_id_key_;
  crypto::Blake3Key key;
  std::ranges::copy(derived.view(), key.begin());
  return crypto::blake3_keyed(key, signed_record);
}

base::Bytes RecordSealer::associated(const RecordKind& kind) const {
  auto bytes = base::copy_of(repository_.view());
  base::append(bytes, base::as_bytes(kind.prefix));
  return bytes;
}

base::Bytes RecordSealer::signed_text(const RecordKind& kind, base::ByteView record) const {
  auto text = base::copy_of(base::as_bytes(kind.signed_domain));
  base::append(text, repository_.view());
  base::append(text, record);
  return text;
}

SealedRecord RecordSealer::seal(const RecordKind& kind, base::ByteView record,
                                base::Random& random) const {
  const auto pair = crypto::signing_key_pair_of(keys_.signing_seed.view());
  const auto signature = crypto::sign(pair, signed_text(kind, record));
  base::Bytes text(signature.begin(), signature.end());
  base::append(text, record);
  Envelope envelope;
  envelope.body =
      crypto::seal_box(keys_.metadata_key.view(), kind.box_label, associated(kind), text, random);
  return {id_of(kind, text), wrap_envelope(kind.magic, envelope)};
}

OpenedRecord RecordSealer::open(const RecordKind& kind, const base::Hash& id,
                                base::ByteView object) const {
  const auto envelope = unwrap_envelope(kind.magic, object, "the record");
  if (envelope.body.size() < crypto::box_overhead + sizeof(crypto::Signature)) {
    throw base::Error(base::ErrorKind::corrupt, "the record is damaged: it is too short");
  }
  const auto text =
      crypto::open_box(keys_.metadata_key.view(), kind.box_label, associated(kind), envelope.body);
  if (id_of(kind, text) != id) {
    throw base::Error(base::ErrorKind::corrupt, "the record is another one than its name says");
  }
  OpenedRecord opened;
  const auto split = static_cast<std::ptrdiff_t>(opened.signature.size());
  std::copy(text.begin(), text.begin() + split, opened.signature.begin());
  opened.record.assign(text.begin() + split, text.end());
  return opened;
}

void RecordSealer::verify(const RecordKind& kind, const crypto::PublicKey& writer,
                          const std::optional<Certificate>& certificate,
                          const OpenedRecord& opened) const {
  if (!crypto::verify(writer, signed_text(kind, opened.record), opened.signature)) {
    throw base::Error(base::ErrorKind::corrupt, "the record is not what its writer signed");
  }
  if (writer == keys_.owner_signing_key && !certificate) return;
  if (certificate && certificate->signing_key == writer &&
      role_can(certificate->role, kind.ability) &&
      certified(*certificate, repository_, keys_.owner_signing_key)) {
    return;
  }
  throw base::Error(base::ErrorKind::corrupt,
                    "the record was signed by somebody whom the owner gave no such right");
}

}  // namespace holdfast::repository
