#include "repository/keys.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace holdfast::repository {

namespace {

constexpr std::string_view certificate_domain = "holdfast certificate";
constexpr std::array roles = {Role::owner, Role::writer, Role::reader, Role::maintainer,
                              Role::auditor};

base::Bytes certified_text(const Certificate& certificate, const base::RepositoryId& repository) {
  auto text = base::copy_of(base::as_bytes(certificate_domain));
  base::append(text, repository.view());
  text.push_back(static_cast<std::byte>(certificate.role));
  base::append(text, certificate.signing_key);
  base::append(text, certificate.grant_key);
  return text;
}

base::Secret make_secret(base::Random& random) {
  base::Secret bytes(32);
  random.fill(bytes.mutable_view());
  return bytes;
}

std::string_view description_of(Ability ability) {
  switch (ability) {
    case Ability::list:
      return "list snapshots";
    case Ability::search_index:
      return "read the index";
    case Ability::back_up:
      return "back up";
    case Ability::read_content:
      return "read what was backed up";
    case Ability::maintain:
      return "forget snapshots or collect garbage";
    case Ability::issue_keys:
      return "change who has keys";
  }
  return "do that";
}

/// "the owner, a writer or a reader"
std::string who_can(Ability ability) {
  std::vector<std::string_view> names;
  for (const auto role : roles) {
    if (role_can(role, ability)) names.push_back(name_of(role));
  }
  std::string text = "the owner";
  for (std::size_t i = 1; i < names.size(); ++i) {
    text += fmt::format("{} a {}", i + 1 == names.size() ? " or" : ",", names[i]);
  }
  return text;
}

/// Gives the bundle keys of its own, and the owner's word for them.
void certify(KeyBundle& bundle, base::ByteView owner_seed, const base::RepositoryId& repository,
             base::Random& random) {
  bundle.grant_key = make_secret(random);
  auto& certificate = bundle.certificate;
  certificate.role = bundle.role;
  certificate.grant_key = crypto::box_key_pair_of(bundle.grant_key.view()).public_key;
  if (!bundle.signing_seed.empty()) {
    certificate.signing_key = crypto::signing_key_pair_of(bundle.signing_seed.view()).public_key;
  }
  certificate.signature = crypto::sign(crypto::signing_key_pair_of(owner_seed),
                                       certified_text(certificate, repository));
}

}  // namespace

bool role_can(Role role, Ability ability) {
  switch (ability) {
    case Ability::list:
      return true;
    case Ability::search_index:
      return role != Role::auditor;
    case Ability::back_up:
      return role == Role::owner || role == Role::writer || role == Role::reader;
    case Ability::read_content:
      return role == Role::owner || role == Role::reader;
    case Ability::maintain:
      return role == Role::owner || role == Role::maintainer;
    case Ability::issue_keys:
      return role == Role::owner;
  }
  return false;
}

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

Role role_named(std::string_view name) {
  const auto found = std::ranges::find(roles, name, [](Role role) { return name_of(role); });
  if (found != roles.end()) return *found;
  throw base::Error(base::ErrorKind::invalid_input, fmt::format("there is no role '{}'", name))
      .set_hint("use owner, writer, reader, maintainer or auditor");
}

base::Bytes encode_certificate(const Certificate& certificate) {
  base::Bytes bytes;
  bytes.push_back(static_cast<std::byte>(certificate.role));
  base::append(bytes, certificate.signing_key);
  base::append(bytes, certificate.grant_key);
  base::append(bytes, certificate.signature);
  return bytes;
}

Certificate decode_certificate(base::ByteView bytes) {
  const auto number = bytes.empty() ? 0 : std::to_integer<unsigned>(bytes.front());
  if (bytes.size() != certificate_size || number == 0 ||
      number > static_cast<unsigned>(Role::auditor)) {
    throw base::Error(base::ErrorKind::corrupt, "the certificate of a key slot is damaged");
  }
  Certificate certificate;
  certificate.role = static_cast<Role>(number);
  std::ranges::copy(bytes.subspan(1, 32), certificate.signing_key.begin());
  std::ranges::copy(bytes.subspan(33, 32), certificate.grant_key.begin());
  std::ranges::copy(bytes.subspan(65), certificate.signature.begin());
  return certificate;
}

bool certified(const Certificate& certificate, const base::RepositoryId& repository,
               const crypto::PublicKey& owner) {
  return crypto::verify(owner, certified_text(certificate, repository), certificate.signature);
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
  copy.grant_key = grant_key.clone();
  copy.certificate = certificate;
  return copy;
}

const Epoch& KeyBundle::epoch(std::uint32_t number) const {
  const auto found = std::ranges::find(epochs, number, &Epoch::number);
  if (found != epochs.end()) return *found;
  throw base::Error(base::ErrorKind::wrong_key,
                    fmt::format("this key slot does not hold the keys of epoch {}", number))
      .set_hint("an object of epochs/ may be lost, or the slot was left out by a key rotation");
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

bool KeyBundle::can(Ability ability) const { return role_can(role, ability); }

void KeyBundle::require(Ability ability) const {
  if (can(ability)) return;
  throw base::Error(base::ErrorKind::access_denied,
                    fmt::format("the key of {} {} cannot {}", role == Role::auditor ? "an" : "a",
                                name_of(role), description_of(ability)))
      .set_hint(fmt::format("use the passphrase or key file of {}", who_can(ability)));
}

KeyBundle make_owner_bundle(base::Random& random) {
  KeyBundle bundle;
  bundle.chunk_id_key = make_secret(random);
  bundle.chunker_secret = make_secret(random);
  bundle.index_key = make_secret(random);
  bundle.metadata_key = make_secret(random);
  auto signing = crypto::make_signing_key_pair(random);
  bundle.signing_seed = std::move(signing.seed);
  bundle.owner_signing_key = signing.public_key;
  auto pair = crypto::make_box_key_pair(random);
  bundle.epochs.push_back({1, pair.public_key, std::move(pair.private_key)});
  return bundle;
}

void certify_owner(KeyBundle& owner, const base::RepositoryId& repository, base::Random& random) {
  owner.require(Ability::issue_keys);
  certify(owner, owner.signing_seed.view(), repository, random);
}

KeyBundle issue_bundle(const KeyBundle& owner, Role role, const base::RepositoryId& repository,
                       base::Random& random) {
  owner.require(Ability::issue_keys);
  auto bundle = owner.clone();
  bundle.role = role;
  if (role != Role::owner) {
    bundle.signing_seed = role == Role::auditor ? base::Secret() : make_secret(random);
  }
  if (!role_can(role, Ability::back_up)) {
    bundle.chunk_id_key = {};
    bundle.chunker_secret = {};
  }
  if (!role_can(role, Ability::search_index)) bundle.index_key = {};
  if (!role_can(role, Ability::read_content)) {
    for (auto& epoch : bundle.epochs)
      epoch.private_key = {};
  }
  certify(bundle, owner.signing_seed.view(), repository, random);
  return bundle;
}

void check_bundle(const KeyBundle& bundle, const base::RepositoryId& repository) {
  const auto& certificate = bundle.certificate;
  const auto fits = [&] {
    if (!certified(certificate, repository, bundle.owner_signing_key)) return false;
    const auto grant = crypto::box_key_pair_of(bundle.grant_key.view()).public_key;
    if (bundle.signing_seed.empty()) return grant == certificate.grant_key;
    const auto signing = crypto::signing_key_pair_of(bundle.signing_seed.view()).public_key;
    return grant == certificate.grant_key && signing == certificate.signing_key;
  };
  if (bundle.grant_key.size() == 32 && fits()) return;
  throw base::Error(base::ErrorKind::corrupt,
                    "the key slot holds other keys than its owner certified");
}

}  // namespace holdfast::repository
