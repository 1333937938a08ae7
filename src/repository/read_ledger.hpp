#pragma once

#include "base/ids.hpp"
#include "repository/repository.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::repository {

/// How much of a pack a reading verified: the checksums of all sectors, for which nobody needs a
/// key that reads; or also every seal and every chunk.
enum class ReadLevel : std::uint8_t { checksums = 1, contents = 2 };
enum class ReadResult : std::uint8_t { whole = 0, damaged = 1 };

/// That a pack was read from its first to its last byte.
struct PackReading {
  base::PackId pack;
  ReadLevel level = ReadLevel::checksums;
  ReadResult result = ReadResult::whole;
  std::int64_t seconds = 0;  // since 1970 UTC, when it was done
  bool operator==(const PackReading&) const = default;
};

/// When each pack was last read, by whichever machine, and with what result: of each pack and level
/// the newest reading.
///
/// Clocks: a reading that is dated more than an hour later than `now` is dropped, so that a wrong
///         clock makes packs look unread and never verified. All that goes wrong here costs another
///         reading.
class ReadLedger {
public:
  explicit ReadLedger(std::int64_t now_seconds) : now_(now_seconds) {}

  void add(const PackReading& reading);
  /// When the pack was last read at this level or a higher one, not later than now.
  std::optional<std::int64_t> last_read(const base::PackId& pack, ReadLevel level) const;
  /// Whether damage was found that no later reading of at least that level failed to find.
  bool damaged(const base::PackId& pack) const;
  /// Ascending by pack and level, only of packs that `keeps` says.
  std::vector<PackReading> readings(const std::function<bool(const base::PackId&)>& keeps) const;
  std::int64_t now() const { return now_; }

private:
  const PackReading* find(const base::PackId& pack, ReadLevel level) const;

  std::int64_t now_;
  std::map<std::pair<base::PackId, ReadLevel>, PackReading> newest_;
};

/// The ledger as it lies in the store, in objects that any number of machines add.
struct StoredReadLedger {
  ReadLedger ledger;
  std::vector<std::string> objects;  // that opened
  struct Damaged {
    std::string object;
    std::string why;
  };
  std::vector<Damaged> damaged;  // objects whose readings do not count
};
/// A ledger is empty when the machine's clock is before the repository was made: then it says
/// nothing about ages.
/// Errors: as the store; unsupported.
StoredReadLedger load_read_ledger(Repository& repository);
/// Adds readings of packs in `store`, which is a copy of the repository, to the ledger there.
void add_readings(Repository& repository, storage::Backend& store,
                  std::vector<PackReading> readings);
/// Whether the machine's clock shows a time at which the repository was there.
bool clock_is_possible(Repository& repository);

/// How much of what is stored was read lately.
struct ReadingSummary {
  std::uint64_t packs = 0;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_7_days = 0;  // of `bytes`, read within
  std::uint64_t bytes_30_days = 0;
  std::uint64_t bytes_90_days = 0;
  std::uint64_t never_packs = 0;
  std::uint64_t never_bytes = 0;
  std::uint64_t damaged_packs = 0;
  std::optional<std::int64_t> oldest_seconds;  // of those that were read
};
/// `packs` may name a pack twice.
ReadingSummary summarize_readings(const ReadLedger& ledger, std::span<const PackInfo> packs,
                                  ReadLevel level);

}  // namespace holdfast::repository
