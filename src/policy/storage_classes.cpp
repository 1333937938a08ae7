#include "policy/storage_classes.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace holdfast::policy {

namespace {

constexpr std::int64_t minute = 60;
constexpr std::int64_t hour = 3600;
constexpr std::int64_t day = 24 * hour;
constexpr double bytes_per_gib = 1024.0 * 1024 * 1024;
constexpr double days_per_month = 30;
constexpr std::array speeds = {"expedited", "standard", "bulk"};

PriceList prices_of_aws() {
  constexpr double standard = 0.023;
  return {"USD",
          "AWS, us-east-1, list prices of 2026, unchecked",
          {{"STANDARD", 0, standard},
           {"STANDARD_IA", 30 * day, 0.0125},
           {"ONEZONE_IA", 30 * day, 0.01},
           {"GLACIER_IR", 90 * day, 0.004},
           {"GLACIER",
            90 * day,
            0.0036,
            {{"expedited", 5 * minute, 0.03, 10.0},
             {"standard", 5 * hour, 0.01, 0.05},
             {"bulk", 12 * hour, 0.0, 0.0}},
            standard},
           {"DEEP_ARCHIVE",
            180 * day,
            0.00099,
            {{"standard", 12 * hour, 0.02, 0.10}, {"bulk", 48 * hour, 0.0025, 0.025}},
            standard}}};
}

PriceList prices_of_aliyun() {
  constexpr double standard = 0.12;
  return {"CNY",
          "Aliyun OSS, mainland China, list prices of 2026, unchecked",
          {{"Standard", 0, standard},
           {"IA", 30 * day, 0.08},
           {"Archive", 60 * day, 0.033, {{"standard", minute, 0.06, 0.01}}, 0.0},
           {"ColdArchive",
            180 * day,
            0.015,
            {{"expedited", hour, 0.2, 3.0},
             {"standard", 5 * hour, 0.06, 0.3},
             {"bulk", 12 * hour, 0.03, 0.03}},
            standard},
           {"DeepColdArchive",
            180 * day,
            0.0075,
            {{"expedited", 12 * hour}, {"standard", 48 * hour}},
            standard}}};
}

PriceList prices_of_tencent() {
  constexpr double standard = 0.118;
  return {"CNY",
          "Tencent COS, mainland China, list prices of 2026, unchecked",
          {{"STANDARD", 0, standard},
           {"STANDARD_IA", 30 * day, 0.08},
           {"ARCHIVE",
            90 * day,
            0.033,
            {{"expedited", 5 * minute}, {"standard", 5 * hour}, {"bulk", 12 * hour}},
            standard},
           {"DEEP_ARCHIVE",
            180 * day,
            0.01,
            {{"standard", 24 * hour}, {"bulk", 48 * hour}},
            standard}}};
}

const ThawTerms* terms_of(const StorageClass& of, std::string_view speed) {
  if (of.thaws.size() == 1) return &of.thaws.front();
  const auto at = std::ranges::find(of.thaws, speed, &ThawTerms::speed);
  return at == of.thaws.end() ? nullptr : &*at;
}

double gib(std::uint64_t bytes) { return static_cast<double>(bytes) / bytes_per_gib; }

/// Of packs of one class, with the keeping of the copies.
std::optional<double> price_of(const StorageClass& of, const ThawTerms& terms,
                               const PacksInClass& frozen, std::uint32_t days) {
  if (!terms.price_per_gib || !of.copy_per_gib) return std::nullopt;
  const auto requests = terms.price_per_thousand.value_or(0) / 1000;
  return gib(frozen.bytes) * (*terms.price_per_gib + *of.copy_per_gib * days / days_per_month) +
         static_cast<double>(frozen.packs) * requests;
}

template <class Value>
void take(std::optional<Value>& into, const std::optional<Value>& known) {
  if (known) into = known;
}

}  // namespace

const StorageClass* PriceList::find(std::string_view name) const {
  const auto at = std::ranges::find(classes, name, &StorageClass::name);
  return at == classes.end() ? nullptr : &*at;
}

PriceList built_in_prices(std::string_view cloud) {
  if (cloud == "s3") return prices_of_aws();
  if (cloud == "oss") return prices_of_aliyun();
  if (cloud == "cos") return prices_of_tencent();
  return {};
}

PriceList with_overrides(PriceList list, std::span<const PriceOverride> overrides,
                         const std::string& currency) {
  if (!currency.empty()) list.currency = currency;
  if (!overrides.empty()) {
    list.origin += list.origin.empty() ? "of holdfast.yaml" : ", and of holdfast.yaml";
  }
  for (const auto& known : overrides) {
    auto at = std::ranges::find(list.classes, known.storage_class, &StorageClass::name);
    if (at == list.classes.end()) {
      StorageClass unknown;
      unknown.name = known.storage_class;
      unknown.copy_per_gib = 0;
      at = list.classes.insert(at, std::move(unknown));
    }
    if (known.speed.empty()) {
      take(at->price_per_gib, known.price_per_gib);
      at->seconds_min = known.seconds_min.value_or(at->seconds_min);
      continue;
    }
    auto terms = std::ranges::find(at->thaws, known.speed, &ThawTerms::speed);
    if (terms == at->thaws.end()) {
      ThawTerms unknown;
      unknown.speed = known.speed;
      terms = at->thaws.insert(terms, std::move(unknown));
    }
    take(terms->price_per_gib, known.price_per_gib);
    take(terms->price_per_thousand, known.price_per_thousand);
    terms->seconds_max = known.seconds_max.value_or(terms->seconds_max);
  }
  return list;
}

std::vector<ThawEstimate> estimate_thaw(const PriceList& prices,
                                        std::span<const PacksInClass> frozen, std::uint32_t days) {
  std::vector<ThawEstimate> estimates;
  for (const auto* speed : speeds) {
    ThawEstimate estimate{speed, 0, 0.0};
    bool is_known = std::string_view(speed) == "standard";
    const bool is_offered = std::ranges::all_of(frozen, [&](const PacksInClass& packs) {
      const auto* of = prices.find(packs.storage_class);
      // Of a class that nobody knows neither time nor price is known.
      const auto* terms = of == nullptr ? nullptr : terms_of(*of, speed);
      if (of != nullptr && terms == nullptr) return false;
      const auto price = terms == nullptr ? std::nullopt : price_of(*of, *terms, packs, days);
      is_known = is_known || (terms != nullptr && terms->speed == speed);
      if (terms != nullptr)
        estimate.seconds_max = std::max(estimate.seconds_max, terms->seconds_max);
      estimate.price =
          price && estimate.price ? std::optional(*estimate.price + *price) : std::nullopt;
      return true;
    });
    if (is_offered && is_known) estimates.push_back(estimate);
  }
  return estimates;
}

std::optional<double> price_of_leaving(const StorageClass& from, std::uint64_t bytes,
                                       std::int64_t seconds) {
  if (seconds >= from.seconds_min) return 0.0;
  if (!from.price_per_gib) return std::nullopt;
  const auto rest = static_cast<double>(from.seconds_min - seconds) / static_cast<double>(day);
  return gib(bytes) * *from.price_per_gib * rest / days_per_month;
}

}  // namespace holdfast::policy
