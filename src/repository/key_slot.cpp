// A key slot is readable outside (who, which cost) and sealed inside (the bundle). The outside is
// associated data of the seal, so that its cost cannot be turned down, and has a checksum, so that
// damage is not taken for a wrong passphrase.

#include "repository/key_slot.hpp"

#include "base/error.hpp"
#include "crypto/aead.hpp"
#include "envelope.hpp"
#include "key_bundle_codec.hpp"
#include "wire.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::repository {

namespace {

constexpr std::string_view magic = "HFKEYSLT";
constexpr std::string_view box_label = "holdfast key slot";
constexpr std::uint32_t shares_max = 255;
constexpr const char* what = "the key slot";
/// Of a slot that a private key opens: the random key of the box, sealed to the recipient.
constexpr std::size_t sealed_key_size = 32 + crypto::sealed_box_overhead;

struct Header {
  SlotInfo info;
  base::Bytes salt;                   // of a passphrase
  crypto::PassphraseCost cost{0, 0};  // of a passphrase
};

base::Bytes encode_header(const Header& header) {
  const auto& info = header.info;
  base::Bytes bytes;
  WireWriter writer(bytes);
  writer.bytes(1, info.repository.view());
  writer.bytes(2, encode_certificate(info.certificate));
  writer.text(3, info.label);
  writer.number(4, static_cast<std::uint64_t>(info.kind));
  writer.bytes(5, header.salt);
  writer.number(6, header.cost.passes);
  writer.number(7, header.cost.memory_bytes);
  if (info.kind != SlotKind::passphrase) writer.bytes(8, info.recipient);
  writer.signed_number(9, info.created_seconds);
  writer.number(10, info.shares);
  writer.number(11, info.threshold);
  return bytes;
}

void check_passphrase(const WireReader& reader, const Header& header) {
  const auto& cost = header.cost;
  if (header.salt.size() != crypto::passphrase_salt_size) reader.corrupt("it has no salt");
  if (cost.passes == 0 || cost.passes > crypto::PassphraseCost::passes_max ||
      cost.memory_bytes < crypto::PassphraseCost::memory_bytes_min ||
      cost.memory_bytes > crypto::PassphraseCost::memory_bytes_max) {
    reader.corrupt("its passphrase cost is out of bounds");
  }
}

void check_header(const WireReader& reader, const Header& header, bool has_recipient) {
  const auto& info = header.info;
  const bool passphrase = info.kind == SlotKind::passphrase;
  if (info.certificate == Certificate{} || info.label.size() > slot_label_size_max) {
    reader.corrupt("its header is incomplete");
  }
  if (passphrase) check_passphrase(reader, header);
  if (passphrase == has_recipient) reader.corrupt("it does not say who opens it");
  const bool counted = info.threshold >= 1 && info.threshold <= info.shares;
  if (info.kind == SlotKind::shares ? !counted : info.shares != 0 || info.threshold != 0) {
    reader.corrupt("its numbers of shares do not fit");
  }
}

SlotKind kind_of(const WireReader& reader) {
  const auto number = reader.number();
  if (number < 1 || number > static_cast<std::uint64_t>(SlotKind::shares)) {
    throw base::Error(base::ErrorKind::unsupported,
                      "the key slot is opened in a way that this version does not know")
        .set_hint("update holdfast");
  }
  return static_cast<SlotKind>(number);
}

/// True when the field was one of who opens the slot.
bool decode_lock_field(const WireReader& reader, Header& header, bool& has_recipient) {
  switch (reader.field()) {
    case 5:
      header.salt = base::copy_of(reader.bytes());
      return true;
    case 6:
      header.cost.passes = reader.number32();
      return true;
    case 7:
      header.cost.memory_bytes = reader.number();
      return true;
    case 8:
      std::ranges::copy(reader.bytes_of_size(32), header.info.recipient.begin());
      has_recipient = true;
      return true;
    case 10:
      header.info.shares = static_cast<std::uint32_t>(reader.number_up_to(shares_max));
      return true;
    case 11:
      header.info.threshold = static_cast<std::uint32_t>(reader.number_up_to(shares_max));
      return true;
    default:
      return false;
  }
}

Header decode_header(base::ByteView bytes) {
  WireReader reader(bytes, what);
  Header header;
  bool has_recipient = false;
  bool has_kind = false;
  while (reader.next()) {
    if (decode_lock_field(reader, header, has_recipient)) continue;
    switch (reader.field()) {
      case 1:
        header.info.repository = reader.id<base::RepositoryId>();
        break;
      case 2:
        header.info.certificate = decode_certificate(reader.bytes());
        break;
      case 3:
        header.info.label = reader.text();
        break;
      case 4:
        header.info.kind = kind_of(reader);
        has_kind = true;
        break;
      case 9:
        header.info.created_seconds = reader.signed_number();
        break;
      default:
        reader.unknown_field();
    }
  }
  if (!has_kind) reader.corrupt("it does not say what opens it");
  check_header(reader, header, has_recipient);
  return header;
}

struct Parts {
  base::Bytes body;
  base::ByteView header;      // of body
  base::ByteView box;         // of body
  base::ByteView sealed_key;  // of body; empty when a passphrase opens it
};

Parts split(base::ByteView slot) {
  Parts parts;
  parts.body = unwrap_envelope(magic, slot, what).body;
  WireReader reader(parts.body, what);
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        parts.header = reader.bytes();
        break;
      case 2:
        parts.box = reader.bytes();
        break;
      case 3:
        parts.sealed_key = reader.bytes_of_size(sealed_key_size);
        break;
      default:
        reader.unknown_field();
    }
  }
  if (parts.box.size() < crypto::box_overhead) reader.corrupt("it holds no keys");
  return parts;
}

/// The key of the slot's box, and what must stand beside it.
struct BoxKey {
  base::Secret key;
  base::Bytes sealed;  // to the recipient; empty for a passphrase
};

BoxKey lock_with(const PassphraseLock& lock, Header& header, base::Random& random) {
  header.info.kind = SlotKind::passphrase;
  header.cost = lock.cost;
  header.salt.resize(crypto::passphrase_salt_size);
  random.fill(header.salt);
  return {crypto::derive_from_passphrase(lock.passphrase, header.salt, lock.cost), {}};
}

BoxKey lock_for(const crypto::PublicKey& recipient, Header& header, base::Random& random) {
  header.info.recipient = recipient;
  base::Secret key(32);
  random.fill(key.mutable_view());
  try {
    auto sealed = crypto::seal_to(recipient, key.view());
    return {std::move(key), std::move(sealed)};
  } catch (const base::Error&) {
    throw base::Error(base::ErrorKind::invalid_input, "the public key is not one to seal to")
        .set_hint("'holdfast key generate FILE' makes a key file and prints its public key");
  }
}

BoxKey lock_with(const RecipientLock& lock, Header& header, base::Random& random) {
  header.info.kind = SlotKind::recipient;
  return lock_for(lock.recipient, header, random);
}

BoxKey lock_with(const ShareLock& lock, Header& header, base::Random& random) {
  header.info.kind = SlotKind::shares;
  header.info.shares = lock.shares;
  header.info.threshold = lock.threshold;
  return lock_for(lock.recipient, header, random);
}

base::Secret box_key_of(const Header& header, const Parts& parts, const Credential& credential) {
  if (header.info.kind == SlotKind::passphrase) {
    if (const auto* passphrase = credential.passphrase()) {
      return crypto::derive_from_passphrase(*passphrase, header.salt, header.cost);
    }
  } else if (const auto* pair = credential.private_key()) {
    if (pair->public_key == header.info.recipient) {
      if (parts.sealed_key.empty()) {
        throw base::Error(base::ErrorKind::corrupt, "the key slot is damaged: it is not sealed");
      }
      return crypto::open_sealed(*pair, parts.sealed_key);
    }
  }
  throw base::Error(base::ErrorKind::wrong_key, "the key slot is for somebody else");
}

}  // namespace

std::string_view name_of(SlotKind kind) {
  switch (kind) {
    case SlotKind::passphrase:
      return "passphrase";
    case SlotKind::recipient:
      return "recipient";
    case SlotKind::shares:
      return "shares";
  }
  return "unknown";
}

base::Bytes seal_slot(const KeyBundle& bundle, const base::RepositoryId& repository,
                      const SlotLock& lock, const SlotLabel& label, base::Random& random) {
  if (label.text.size() > slot_label_size_max) {
    throw base::Error(
        base::ErrorKind::invalid_input,
        fmt::format("the label of a key slot has at most {} bytes", slot_label_size_max));
  }
  Header header;
  header.info.repository = repository;
  header.info.certificate = bundle.certificate;
  header.info.label = label.text;
  header.info.created_seconds = label.created_seconds;
  const auto key =
      std::visit([&](const auto& chosen) { return lock_with(chosen, header, random); }, lock);
  const auto head = encode_header(header);
  const auto text = encode_bundle(bundle);
  const auto box = crypto::seal_box(key.key.view(), box_label, head, text.view(), random);
  Envelope envelope;
  WireWriter writer(envelope.body);
  writer.bytes(1, head);
  writer.bytes(2, box);
  writer.bytes(3, key.sealed);
  return wrap_envelope(magic, envelope);
}

KeyBundle open_slot(base::ByteView slot, const base::RepositoryId& repository,
                    const Credential& credential) {
  const auto parts = split(slot);
  const auto header = decode_header(parts.header);
  if (header.info.repository != repository) {
    throw base::Error(base::ErrorKind::corrupt, "the key slot belongs to another repository");
  }
  const auto key = box_key_of(header, parts, credential);
  auto text = crypto::open_box(key.view(), box_label, parts.header, parts.box);
  const base::Secret secret(text);
  base::wipe(text);
  auto bundle = decode_bundle(secret.view());
  if (bundle.certificate != header.info.certificate) {
    throw base::Error(base::ErrorKind::corrupt, "the key slot holds another role than it says");
  }
  check_bundle(bundle, repository);
  return bundle;
}

SlotInfo describe_slot(base::ByteView slot) { return decode_header(split(slot).header).info; }

}  // namespace holdfast::repository
