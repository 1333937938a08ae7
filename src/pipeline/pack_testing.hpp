#pragma once

#include "base/random.hpp"
#include "pipeline/pack.hpp"

#include <vector>

// Packs for tests and fuzz targets: small, the same in every run but for the sealed secret, and
// read back plainly.

namespace holdfast::pipeline {

struct TestKeys {
  explicit TestKeys(std::uint64_t seed = 1);
  PackWriteKeys write_keys() const;

  base::RepositoryId repository;
  base::Secret index_key;
  crypto::BoxKeyPair epoch_pair;
};

struct TestPack {
  base::Bytes bytes;
  PackDirectory directory;
  std::vector<base::Bytes> chunks;
};

/// `segment_count` segments of one to three chunks, half of them compressible.
TestPack write_test_pack(const TestKeys& keys, PackKind kind, std::size_t segment_count,
                         PackBuilder::Padding padding, PackBuilder::Parity parity = {});
PackTrailer read_trailer(base::ByteView pack);
PackDirectory read_directory(const TestKeys& keys, base::ByteView pack);
/// Every chunk in the order of the directory.
std::vector<base::Bytes> read_chunks(const TestKeys& keys, base::ByteView pack);
std::vector<std::size_t> damaged_sectors(base::ByteView pack, const PackTrailer& trailer);
/// Reads everything there is, checksums included. Errors: what the pack's functions throw; corrupt
/// for a sector.
void check_pack(const TestKeys& keys, base::ByteView pack);

}  // namespace holdfast::pipeline
