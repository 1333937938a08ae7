#pragma once

#include "base/bytes.hpp"
#include "check_elsewhere.hpp"
#include "check_findings.hpp"
#include "check_index.hpp"
#include "pack_ciphers.hpp"
#include "pipeline/pack.hpp"
#include "pipeline/segment.hpp"
#include "repository/repository.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace holdfast::repository {

/// A pack whose outside was verified, ready to be read whole.
struct PackToRead {
  const IndexedPack* pack = nullptr;
  pipeline::PackHeader header;
  std::optional<pipeline::PackTrailer> trailer;  // nothing when it is damaged
  pipeline::PackDirectory directory;
};

/// Some segments of a pack that stand together, and the sectors they touch; or, without segments,
/// what stands behind the directory.
struct PackPiece {
  std::shared_ptr<const PackToRead> pack;  // shared by the threads that read its pieces
  std::size_t first_segment = 0;
  std::size_t end_segment = 0;
  std::uint64_t begin = 0;  // first byte to read, at the start of a sector
  std::uint64_t end = 0;
};

/// Verifies packs for one thread. What it finds goes to the findings; it throws only what is no
/// damage.
class PackVerifier {
public:
  /// Packs are read where `places` says, else in the repository's store.
  PackVerifier(Repository& repository, const PackPlaces& places, CheckFindings& findings);

  /// Header and trailer. Nothing when the pack cannot be read at all.
  std::optional<PackToRead> open(const IndexedPack& pack);
  /// Also the directory; then the pieces that cover the whole pack.
  std::vector<PackPiece> prepare(PackToRead opened);
  /// Sector checksums, and for who may read them seals, and every chunk against its id.
  /// Returns how many raw bytes were hashed.
  std::uint64_t verify(const PackPiece& piece);

private:
  storage::Backend& place_of(const base::PackId& pack) const;
  template <class Work>
  bool tolerates(const base::PackId& pack, Work work);
  void load_directory(PackToRead& opened);
  bool fetch(const PackPiece& piece);
  void verify_sectors(const PackPiece& piece);
  void verify_parity(const PackPiece& piece);
  std::uint64_t verify_segment(const PackPiece& piece, const pipeline::SegmentInPack& segment);

  Repository& repository_;
  const PackPlaces& places_;
  CheckFindings& findings_;
  const bool reads_;  // whether seals can be opened
  PackCiphers ciphers_;
  pipeline::SegmentCodec codec_;
  base::Buffer bytes_;
};

}  // namespace holdfast::repository
