#pragma once

#include "base/ids.hpp"
#include "config/config.hpp"
#include "policy/storage_classes.hpp"
#include "repository/prune.hpp"
#include "storage/backend.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::cli {

/// What the classes of a store cost, by publication and by the configuration of the store.
policy::PriceList prices_of(const storage::ObjectTiers& tiers, const config::TierSettings& known);

/// "about CNY 0.42", "nothing", "an unknown amount".
std::string price_text(const std::optional<double>& price, const std::string& currency);
/// "5 minutes", "12 hours", "2 days".
std::string time_text(std::int64_t seconds);

/// Packs that are paid for until a minimum time of their class, in a store that has such classes.
class MinimumTimes {
public:
  /// Lists the packs of the store. Nothing in one without classes.
  MinimumTimes(storage::Backend& backend, const config::TierSettings& known, base::WallTime now);

  /// Those whose time is not over.
  const std::set<base::PackId>& unserved() const { return unserved_; }
  struct Cost {
    std::uint64_t packs = 0;
    std::uint64_t bytes = 0;
    std::optional<double> price = 0.0;  // nothing: a price is not known
  };
  /// What it costs that these go before their time.
  Cost of(const std::vector<repository::PrunePack>& packs) const;
  const std::string& currency() const { return prices_.currency; }

private:
  policy::PriceList prices_{};
  std::set<base::PackId> unserved_{};
  std::vector<std::pair<base::PackId, std::optional<double>>> costs_{};  // by id
};

}  // namespace holdfast::cli
