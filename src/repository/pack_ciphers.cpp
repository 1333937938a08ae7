#include "pack_ciphers.hpp"

#include "base/error.hpp"
#include "index_segment.hpp"

#include <algorithm>

namespace holdfast::repository {

const crypto::BoxKeyPair& PackCiphers::pair_of(std::uint32_t epoch) {
  const auto known = pairs_.find(epoch);
  if (known != pairs_.end()) return known->second;
  return pairs_.emplace(epoch, repository_.epoch_pair(epoch)).first->second;
}

crypto::Aead& PackCiphers::get(const pipeline::PackHeader& header) {
  const auto found = std::find_if(recent_.begin(), recent_.end(),
                                  [&](const Opened& opened) { return opened.pack == header.pack; });
  if (found != recent_.end()) {
    recent_.splice(recent_.begin(), recent_, found);
    return recent_.front().cipher;
  }
  auto cipher = base::with_context(
      [&] { return "opening the key of " + pack_object_name(header.pack); },
      [&] { return pipeline::open_pack_key(header, repository_.id(), pair_of(header.epoch)); });
  recent_.push_front({header.pack, std::move(cipher)});
  if (recent_.size() > kept_max) recent_.pop_back();
  return recent_.front().cipher;
}

}  // namespace holdfast::repository
