#include "repository/keys.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::repository {

std::string_view name_of(Role role) {
  switch (role) {
    case Role::owner:
      return "owner";
    case Role::writer:
      return "writer";
    case Role::reader:
      return "reader";
    case Role::maintainer:
      return "maintainer";
    case Role::auditor:
      return "auditor";
  }
  return "unknown";
}

KeyBundle KeyBundle::clone() const {
  KeyBundle copy;
  copy.role = role;
  copy.chunk_id_key = chunk_id_key.clone();
  copy.chunker_secret = chunker_secret.clone();
  copy.index_key = index_key.clone();
  copy.metadata_key = metadata_key.clone();
  copy.signing_seed = signing_seed.clone();
  copy.owner_signing_key = owner_signing_key;
  for (const auto& epoch : epochs) {
    copy.epochs.push_back({epoch.number, epoch.public_key, epoch.private_key.clone()});
  }
  return copy;
}

const Epoch& KeyBundle::epoch(std::uint32_t number) const {
  const auto found = std::ranges::find(epochs, number, &Epoch::number);
  if (found != epochs.end()) return *found;
  throw base::Error(base::ErrorKind::wrong_key,
                    fmt::format("this key slot does not hold the keys of epoch {}", number))
      .set_hint("open the repository with a slot that was made after the key rotation");
}

base::ChunkId KeyBundle::chunk_id(base::ByteView bytes) const {
  crypto::Blake3Key key;
  HF_ASSERT(chunk_id_key.size() == key.size(), "this role can name chunks");
  std::ranges::copy(chunk_id_key.view(), key.begin());
  return base::ChunkId::from_bytes(crypto::blake3_keyed(key, bytes).view());
}

pipeline::PackWriteKeys KeyBundle::pack_write_keys(const base::RepositoryId& repository) const {
  const auto& epoch = newest_epoch();
  return {repository, epoch.number, epoch.public_key, index_key.clone()};
}

KeyBundle make_owner_bundle(base::Random& random) {
  const auto secret = [&random] {
    base::Secret bytes(32);
    random.fill(bytes.mutable_view());
    return bytes;
  };
  KeyBundle bundle;
  bundle.chunk_id_key = secret();
  bundle.chunker_secret = secret();
  bundle.index_key = secret();
  bundle.metadata_key = secret();
  auto signing = crypto::make_signing_key_pair(random);
  bundle.signing_seed = std::move(signing.seed);
  bundle.owner_signing_key = signing.public_key;
  auto pair = crypto::make_box_key_pair(random);
  bundle.epochs.push_back({1, pair.public_key, std::move(pair.private_key)});
  return bundle;
}

}  // namespace holdfast::repository
