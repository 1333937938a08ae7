#include "pack_layout.hpp"

#include "base/little_endian.hpp"
#include "crypto/blake3.hpp"

#include <algorithm>
#include <cstring>

namespace holdfast::pipeline {

crypto::ObjectKey derive_pack_key(const base::Secret& secret, const base::PackId& pack,
                                  const base::RepositoryId& repository) {
  return crypto::derive_object_key(secret.view(), pack.view(),
                                   "holdfast/v1/pack/" + repository.hex());
}

std::array<std::byte, 69> directory_associated(const base::RepositoryId& repository,
                                               const base::PackId& pack, PackKind kind,
                                               std::uint32_t epoch) {
  std::array<std::byte, 69> data;
  std::memcpy(data.data(), repository.view().data(), 32);
  std::memcpy(data.data() + 32, pack.view().data(), 32);
  base::store_le(data.data() + 64, static_cast<std::uint8_t>(kind));
  base::store_le(data.data() + 65, epoch);
  return data;
}

std::vector<std::uint64_t> checksums_of(base::ByteView bytes, std::size_t size) {
  std::vector<std::uint64_t> checksums;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), size)))
    checksums.push_back(sector_checksum(bytes.first(std::min(bytes.size(), size))));
  return checksums;
}

std::uint64_t sector_checksum(base::ByteView sector) { return crypto::blake3(sector).prefix64(); }

}  // namespace holdfast::pipeline
