#pragma once

#include "base/ids.hpp"
#include "crypto/aead.hpp"
#include "crypto/keys.hpp"
#include "pipeline/pack.hpp"
#include "repository/repository.hpp"

#include <cstdint>
#include <list>
#include <map>
#include <memory>

namespace holdfast::repository {

/// Opened pack keys of one thread: opening one costs an X25519 operation, about as much as reading
/// a segment.
class PackCiphers {
public:
  explicit PackCiphers(const Repository& repository) : repository_(repository) {}

  /// Valid until the next call. Errors: wrong_key when the epoch's private key is not held,
  /// corrupt.
  crypto::Aead& get(const pipeline::PackHeader& header);

private:
  static constexpr std::size_t kept_max = 64;

  const crypto::BoxKeyPair& pair_of(std::uint32_t epoch);

  const Repository& repository_;
  std::map<std::uint32_t, crypto::BoxKeyPair> pairs_;
  struct Opened {
    base::PackId pack;
    crypto::Aead cipher;
  };
  std::list<Opened> recent_;  // newest first
};

}  // namespace holdfast::repository
