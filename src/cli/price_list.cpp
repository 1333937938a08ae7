#include "price_list.hpp"

#include "repository/stored_objects.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::cli {

namespace {

constexpr std::int64_t minute = 60;
constexpr std::int64_t hour = 3600;
constexpr std::int64_t day = 24 * hour;
/// Below this nobody counts.
constexpr double least_price = 0.005;

}  // namespace

policy::PriceList prices_of(const storage::ObjectTiers& tiers, const config::TierSettings& known) {
  return policy::with_overrides(policy::built_in_prices(tiers.cloud()), known.prices,
                                known.currency);
}

std::string price_text(const std::optional<double>& price, const std::string& currency) {
  if (!price) return "an unknown amount";
  if (*price <= 0) return "nothing";
  if (*price < least_price) return fmt::format("less than {} 0.01", currency);
  return fmt::format("about {} {:.2f}", currency, *price);
}

std::string time_text(std::int64_t seconds) {
  if (seconds >= 2 * day) return counted(static_cast<std::uint64_t>(seconds / day), "day", "days");
  if (seconds >= hour) {
    return counted(static_cast<std::uint64_t>((seconds + hour - 1) / hour), "hour", "hours");
  }
  return counted(static_cast<std::uint64_t>((seconds + minute - 1) / minute), "minute", "minutes");
}

MinimumTimes::MinimumTimes(storage::Backend& backend, const config::TierSettings& known,
                           base::WallTime now) {
  auto* const tiers = backend.tiers();
  if (tiers == nullptr) return;
  prices_ = prices_of(*tiers, known);
  tiers->list("packs/", [&](const storage::TieredObject& object) {
    const auto id = repository::pack_of_object(object.name);
    const auto* of = prices_.find(object.storage_class);
    if (!id || of == nullptr || !object.since) return;
    const auto served = now.seconds - object.since->seconds;
    if (served >= of->seconds_min) return;
    unserved_.insert(*id);
    costs_.emplace_back(*id, policy::price_of_leaving(*of, object.size, served));
  });
  std::ranges::sort(costs_, {}, [](const auto& cost) { return cost.first; });
}

MinimumTimes::Cost MinimumTimes::of(const std::vector<repository::PrunePack>& packs) const {
  Cost sum;
  for (const auto& pack : packs) {
    const auto at =
        std::ranges::lower_bound(costs_, pack.id, {}, [](const auto& cost) { return cost.first; });
    if (at == costs_.end() || at->first != pack.id) continue;
    ++sum.packs;
    sum.bytes += pack.size;
    sum.price = sum.price && at->second ? std::optional(*sum.price + *at->second) : std::nullopt;
  }
  return sum;
}

}  // namespace holdfast::cli
