// Which packs a check reads whole, and what it writes of them into the ledger.
#pragma once

#include "base/error.hpp"
#include "check_findings.hpp"
#include "repository/check.hpp"
#include "repository/read_ledger.hpp"
#include "repository/repository.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::repository {

/// One for a check. Readings are written from time to time, so that a check that is killed goes on
/// near where it was. A store that takes no ledger is told in the report and is no failure.
/// Threads: note from any thread.
class ReadLog {
public:
  /// Reads the ledger; objects of it that are damaged are noted in the findings.
  ReadLog(Repository& repository, const CheckOptions& options, CheckFindings& findings,
          CheckReport& report);

  struct Pack {
    base::PackId id;
    std::uint64_t size = 0;
  };
  /// The packs to read, in the order in which to read them; what is due and beyond the budget is
  /// counted in the report, and named in the findings when it was damaged.
  std::vector<Pack> choose(std::vector<Pack> packs);
  /// That a pack was read to its end.
  void note(const base::PackId& id, ReadResult result);
  /// Writes what was noted; `present` are all packs of the store, sorted: others are forgotten when
  /// objects are merged.
  void finish(const std::vector<base::PackId>& present);
  /// Runs what calls note(); when it fails or is stopped, what was noted is written all the same.
  template <class Work>
  void keep(Work&& work) {
    try {
      work();
    } catch (const base::Error&) {
      write_noted();
      throw;
    } catch (const base::Cancelled&) {
      write_noted();
      throw;
    }
  }

private:
  bool is_due(const base::PackId& id) const;
  void take_next(std::vector<Pack>& due);
  void write_noted();
  void write(std::vector<PackReading> readings);
  void merge(const std::vector<base::PackId>& present);
  void tell_failure(const base::Error& error);

  Repository& repository_;
  const CheckOptions& options_;
  CheckFindings& findings_;
  CheckReport& report_;
  const ReadLevel level_;
  const StoredReadLedger stored_;

  std::mutex mutex_;  // guards what follows
  std::vector<PackReading> unwritten_;
  base::Instant written_at_;
  std::vector<std::string> own_objects_;
  std::string failure_;
};

}  // namespace holdfast::repository
