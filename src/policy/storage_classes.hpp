#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::policy {

/// How fast and dear what is archived comes back.
struct ThawTerms {
  std::string speed;                           // "expedited", "standard", "bulk"
  std::int64_t seconds_max = 0;                // as the provider publishes it
  std::optional<double> price_per_gib{};       // nothing: not known
  std::optional<double> price_per_thousand{};  // requests, one for each pack
};

/// A class of objects as its provider sells it.
struct StorageClass {
  std::string name;
  std::int64_t seconds_min = 0;           // paid for at least
  std::optional<double> price_per_gib{};  // and month
  std::vector<ThawTerms> thaws{};         // none: it can be read at once
  std::optional<double> copy_per_gib{};   // and month, of the copy that a thaw makes
  bool is_archive() const { return !thaws.empty(); }
};

/// A price list. Prices change, and differ between regions: what comes of them is an estimate.
struct PriceList {
  std::string currency{};
  std::string origin{};  // of which region and day the figures are
  std::vector<StorageClass> classes{};
  const StorageClass* find(std::string_view name) const;
};

/// What somebody knows better than the list. Without a speed it is about keeping, with one about
/// thaws.
struct PriceOverride {
  std::string storage_class;
  std::string speed{};
  std::optional<double> price_per_gib{};
  std::optional<double> price_per_thousand{};
  std::optional<std::int64_t> seconds_min{};  // without a speed
  std::optional<std::int64_t> seconds_max{};  // with one
};

/// The built-in prices of "s3", "oss" or "cos"; an empty list for any other.
PriceList built_in_prices(std::string_view cloud);
/// `list` with what is known better; classes and speeds that it lacks are added.
PriceList with_overrides(PriceList list, std::span<const PriceOverride> overrides,
                         const std::string& currency);

/// Packs of one class.
struct PacksInClass {
  std::string storage_class;
  std::uint64_t packs = 0;
  std::uint64_t bytes = 0;
};

struct ThawEstimate {
  std::string speed;
  std::int64_t seconds_max = 0;
  std::optional<double> price{};  // nothing: one of the prices is not known
};
/// For each speed at which all of `frozen` can be thawed, how long the slowest takes and what all
/// costs, with `days` of keeping the copies. A class with one speed alone has every speed.
std::vector<ThawEstimate> estimate_thaw(const PriceList& prices,
                                        std::span<const PacksInClass> frozen, std::uint32_t days);

/// What is paid for keeping `bytes` until a class's minimum when they go after `seconds` in it.
/// Nothing when the price is not known; 0 when the minimum is served.
std::optional<double> price_of_leaving(const StorageClass& from, std::uint64_t bytes,
                                       std::int64_t seconds);

}  // namespace holdfast::policy
