#include "key_bundle_codec.hpp"

#include "base/error.hpp"
#include "wire.hpp"

#include <algorithm>

namespace holdfast::repository {

namespace {

constexpr std::size_t epochs_max = 1024;
constexpr const char* what = "the key slot";

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

}  // namespace

base::Secret encode_bundle(const KeyBundle& bundle) {
  base::Bytes bytes;
  bytes.reserve(1024 + 128 * bundle.epochs.size());
  WireWriter writer(bytes);
  writer.bytes(1, encode_certificate(bundle.certificate));
  writer.bytes(2, bundle.chunk_id_key.view());
  writer.bytes(3, bundle.chunker_secret.view());
  writer.bytes(4, bundle.index_key.view());
  writer.bytes(5, bundle.metadata_key.view());
  writer.bytes(6, bundle.signing_seed.view());
  writer.bytes(7, bundle.owner_signing_key);
  for (const auto& epoch : bundle.epochs)
    write_epoch(writer, epoch);
  writer.bytes(9, bundle.grant_key.view());
  base::Secret secret(bytes);
  base::wipe(bytes);
  return secret;
}

KeyBundle decode_bundle(base::ByteView bytes) {
  constexpr std::uint64_t repeated = 1 << 8;
  WireReader reader(bytes, what, repeated);
  KeyBundle bundle;
  const auto secret = [&reader] { return base::Secret(reader.bytes_of_size(32)); };
  while (reader.next()) {
    switch (reader.field()) {
      case 1:
        bundle.certificate = decode_certificate(reader.bytes());
        bundle.role = bundle.certificate.role;
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
      case 9:
        bundle.grant_key = secret();
        break;
      default:
        reader.unknown_field();
    }
  }
  if (bundle.epochs.empty()) reader.corrupt("it has no epoch");
  return bundle;
}

}  // namespace holdfast::repository
