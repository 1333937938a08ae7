// A key slot is readable outside (who, which cost) and sealed inside (the bundle). The outside is
// associated data of the seal, so that its cost cannot be turned down, and has a checksum, so that
// damage is not taken for a wrong passphrase.

#include "base/error.hpp"
#include "crypto/aead.hpp"
#include "envelope.hpp"
#include "repository/keys.hpp"
#include "wire.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::repository {

namespace {

constexpr std::string_view magic = "HFKEYSLT";
constexpr std::string_view box_label = "holdfast key slot";
constexpr std::uint64_t wrapping_argon2id = 1;
constexpr std::size_t epochs_max = 1024;
constexpr std::size_t label_size_max = 200;
constexpr const char* what = "the key slot";

struct Header {
  SlotInfo info;
  base::Bytes salt;
  crypto::PassphraseCost cost{0, 0};
};

Role role_of(const WireReader& reader) {
  const auto number = reader.number();
  if (number > static_cast<std::uint64_t>(Role::auditor)) reader.corrupt("its role is unknown");
  return static_cast<Role>(number);
}

base::Bytes encode_header(const Header& header) {
  base::Bytes bytes;
  WireWriter writer(bytes);
  writer.bytes(1, header.info.repository.view());
  writer.number(2, static_cast<std::uint64_t>(header.info.role));
  writer.text(3, header.info.label);
  writer.number(4, wrapping_argon2id);
  writer.bytes(5, header.salt);
  writer.number(6, header.cost.passes);
  writer.number(7, header.cost.memory_bytes);
  return bytes;
}

void check_header(const WireReader& reader, const Header& header, std::uint64_t wrapping) {
  if (wrapping != wrapping_argon2id) {
    throw base::Error(base::ErrorKind::unsupported, "the key slot is not opened by a passphrase");
  }
  const auto& cost = header.cost;
  if (header.info.role == Role{} || header.salt.size() != crypto::passphrase_salt_size ||
      header.info.label.size() > label_size_max) {
    reader.corrupt("its header is incomplete");
  }
  if (cost.passes == 0 || cost.passes > crypto::PassphraseCost::passes_max ||
      cost.memory_bytes < crypto::PassphraseCost::memory_bytes_min ||
      cost.memory_bytes > crypto::PassphraseCost::memory_bytes_max) {
    reader.corrupt("its passphrase cost is out of bounds");
  }
}

Header decode_header(base::ByteView bytes) {
  WireReader reader(bytes, what);
  Header header;
  header.info.role = Role{};
  std::uint64_t wrapping = 0;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        header.info.repository = reader.id<base::RepositoryId>();
        break;
      case 2:
        header.info.role = role_of(reader);
        break;
      case 3:
        header.info.label = reader.text();
        break;
      case 4:
        wrapping = reader.number();
        break;
      case 5:
        header.salt = base::copy_of(reader.bytes());
        break;
      case 6:
        header.cost.passes = reader.number32();
        break;
      case 7:
        header.cost.memory_bytes = reader.number();
        break;
      default:
        reader.unknown_field();
    }
  }
  check_header(reader, header, wrapping);
  return header;
}

struct Parts {
  base::Bytes body;
  base::ByteView header;  // of body
  base::ByteView box;
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
      default:
        reader.unknown_field();
    }
  }
  if (parts.box.size() < crypto::box_overhead) reader.corrupt("it holds no keys");
  return parts;
}

void write_epoch(WireWriter& to, const Epoch& epoch) {
  base::Bytes bytes;
  bytes.reserve(128);  // so that no private key is left behind by growing
  WireWriter writer(bytes);
  writer.number(1, epoch.number);
  writer.bytes(2, epoch.public_key);
  writer.bytes(3, epoch.private_key.view());
  to.item(8, bytes);
  base::wipe(bytes);
}

base::Secret encode_bundle(const KeyBundle& bundle) {
  base::Bytes bytes;
  bytes.reserve(512 + 128 * bundle.epochs.size());
  WireWriter writer(bytes);
  writer.number(1, static_cast<std::uint64_t>(bundle.role));
  writer.bytes(2, bundle.chunk_id_key.view());
  writer.bytes(3, bundle.chunker_secret.view());
  writer.bytes(4, bundle.index_key.view());
  writer.bytes(5, bundle.metadata_key.view());
  writer.bytes(6, bundle.signing_seed.view());
  writer.bytes(7, bundle.owner_signing_key);
  for (const auto& epoch : bundle.epochs)
    write_epoch(writer, epoch);
  base::Secret secret(bytes);
  base::wipe(bytes);
  return secret;
}

crypto::PublicKey public_key_of(const WireReader& reader) {
  crypto::PublicKey key;
  std::ranges::copy(reader.bytes_of_size(key.size()), key.begin());
  return key;
}

Epoch decode_epoch(base::ByteView bytes) {
  WireReader reader(bytes, what);
  Epoch epoch;
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        epoch.number = reader.number32();
        break;
      case 2:
        epoch.public_key = public_key_of(reader);
        break;
      case 3:
        epoch.private_key = base::Secret(reader.bytes_of_size(32));
        break;
      default:
        reader.unknown_field();
    }
  }
  return epoch;
}

void add_epoch(const WireReader& reader, KeyBundle& bundle) {
  auto epoch = decode_epoch(reader.bytes());
  if (!bundle.epochs.empty() && bundle.epochs.back().number >= epoch.number) {
    reader.corrupt("its epochs are out of order");
  }
  if (bundle.epochs.size() == epochs_max) reader.corrupt("it has too many epochs");
  bundle.epochs.push_back(std::move(epoch));
}

KeyBundle decode_bundle(base::ByteView bytes) {
  constexpr std::uint64_t repeated = 1 << 8;
  WireReader reader(bytes, what, repeated);
  KeyBundle bundle;
  bundle.role = Role{};
  const auto secret = [&reader] { return base::Secret(reader.bytes_of_size(32)); };
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        bundle.role = role_of(reader);
        break;
      case 2:
        bundle.chunk_id_key = secret();
        break;
      case 3:
        bundle.chunker_secret = secret();
        break;
      case 4:
        bundle.index_key = secret();
        break;
      case 5:
        bundle.metadata_key = secret();
        break;
      case 6:
        bundle.signing_seed = secret();
        break;
      case 7:
        bundle.owner_signing_key = public_key_of(reader);
        break;
      case 8:
        add_epoch(reader, bundle);
        break;
      default:
        reader.unknown_field();
    }
  }
  if (bundle.epochs.empty()) reader.corrupt("it has no epoch");
  return bundle;
}

}  // namespace

base::Bytes seal_slot(const KeyBundle& bundle, const base::RepositoryId& repository,
                      const base::Secret& passphrase, const crypto::PassphraseCost& cost,
                      const std::string& label, base::Random& random) {
  if (label.size() > label_size_max) {
    throw base::Error(base::ErrorKind::invalid_input,
                      fmt::format("the label of a key slot has at most {} bytes", label_size_max));
  }
  Header header{
      {{}, repository, bundle.role, label}, base::Bytes(crypto::passphrase_salt_size), cost};
  random.fill(header.salt);
  const auto head = encode_header(header);
  const auto key = crypto::derive_from_passphrase(passphrase, header.salt, cost);
  const auto text = encode_bundle(bundle);
  const auto box = crypto::seal_box(key.view(), box_label, head, text.view(), random);
  Envelope envelope;
  WireWriter writer(envelope.body);
  writer.bytes(1, head);
  writer.bytes(2, box);
  return wrap_envelope(magic, envelope);
}

KeyBundle open_slot(base::ByteView slot, const base::RepositoryId& repository,
                    const base::Secret& passphrase) {
  const auto parts = split(slot);
  const auto header = decode_header(parts.header);
  if (header.info.repository != repository) {
    throw base::Error(base::ErrorKind::corrupt, "the key slot belongs to another repository");
  }
  const auto key = crypto::derive_from_passphrase(passphrase, header.salt, header.cost);
  auto text = crypto::open_box(key.view(), box_label, parts.header, parts.box);
  const base::Secret secret(text);
  base::wipe(text);
  auto bundle = decode_bundle(secret.view());
  if (bundle.role != header.info.role) {
    throw base::Error(base::ErrorKind::corrupt, "the key slot holds another role than it says");
  }
  return bundle;
}

SlotInfo describe_slot(base::ByteView slot) { return decode_header(split(slot).header).info; }

}  // namespace holdfast::repository
