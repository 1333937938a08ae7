#include "base/units.hpp"
#include "sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace holdfast::config {

namespace {

constexpr std::size_t rules_max = 10;
constexpr std::size_t prices_max = 100;

std::string_view scheme_of(std::string_view url) { return url.substr(0, url.find("://")); }

constexpr std::array with_classes = {"s3", "oss", "cos"};

policy::LifecycleRule read_rule(Reading& reading, const YAML::Node& node, const std::string& name,
                                std::string_view scheme) {
  Section section(reading, node, name);
  const auto after = section.duration("after");
  const auto storage_class = section.text("class");
  const auto store = section.text("store");
  section.finish();
  const auto* const example =
      "write { after: 30 days, class: IA } or { after: 30 days, store: nas }";
  if (!after || (!storage_class && !store)) {
    reading.mistake(node, fmt::format("{} has no {}", name, after ? "class" : "after"), example);
  } else if (storage_class && store) {
    reading.mistake(node, fmt::format("{} has a class and a store", name),
                    "the store says its class itself, with storage_class or rules of its own");
  } else if (storage_class && std::ranges::find(with_classes, scheme) == with_classes.end()) {
    reading.mistake(node, fmt::format("{}: classes are for s3://, oss://, cos:// only", name),
                    "write { after: 30 days, store: NAME }, a store among the copies");
  }
  return {after.value_or(0), storage_class.value_or(""), store.value_or("")};
}

std::optional<double> read_amount(Reading& reading, Section& section, const YAML::Node& node,
                                  const char* key) {
  const auto text = section.text(key);
  if (!text) return std::nullopt;
  double amount = 0;
  const auto* const end = text->data() + text->size();
  const auto [last, code] = std::from_chars(text->data(), end, amount, std::chars_format::fixed);
  if (code == std::errc{} && last == end && amount >= 0) return amount;
  reading.mistake(node[key], fmt::format("{} is no amount of money", section.name_of(key)),
                  "write a number such as 0.06");
  return std::nullopt;
}

policy::PriceOverride read_price(Reading& reading, const YAML::Node& node,
                                 const std::string& name) {
  Section section(reading, node, name);
  policy::PriceOverride price;
  price.storage_class = section.text("class").value_or("");
  price.speed = section.choice("speed", {"expedited", "standard", "bulk"}).value_or("");
  price.price_per_gib = read_amount(reading, section, node, "gib");
  price.price_per_thousand = read_amount(reading, section, node, "thousand");
  price.seconds_max = section.duration("takes");
  price.seconds_min = section.duration("minimum");
  section.finish();
  if (price.storage_class.empty()) {
    reading.mistake(node, fmt::format("{} names no class", name),
                    "write { class: Archive, speed: standard, gib: 0.06 }");
  }
  const bool is_of_thaw = price.price_per_thousand || price.seconds_max;
  if (price.speed.empty() ? is_of_thaw : price.seconds_min.has_value()) {
    reading.mistake(node, fmt::format("{} mixes keeping and thawing", name),
                    "with a speed: gib, thousand, takes; without one: gib (and month), minimum");
  }
  return price;
}

}  // namespace

TierSettings read_tiers(Reading& reading, Section& parent, const std::string& url) {
  TierSettings tiers;
  const auto rules = parent.take("lifecycle");
  const auto prices = parent.take("prices");
  tiers.keeps_newest = parent.boolean("keep_newest").value_or(false);
  tiers.currency = parent.text("currency").value_or("");
  if (prices.IsDefined()) {
    for_each_element(reading, prices, parent.name_of("prices"), [&](const YAML::Node& node) {
      if (tiers.prices.size() == prices_max) return;
      tiers.prices.push_back(read_price(reading, node, parent.name_of("prices")));
    });
  }
  if (!rules.IsDefined()) return tiers;
  const auto name = parent.name_of("lifecycle");
  for_each_element(reading, rules, name, [&](const YAML::Node& node) {
    if (tiers.lifecycle.size() == rules_max) return;
    tiers.lifecycle.push_back(read_rule(reading, node, name, scheme_of(url)));
    if (!tiers.lifecycle.back().store.empty()) tiers.store_place = place_of(node);
  });
  const auto list =
      policy::with_overrides(policy::built_in_prices(scheme_of(url)), tiers.prices, tiers.currency);
  if (const auto mistake = policy::mistake_in(tiers.lifecycle, list)) {
    reading.mistake(rules, fmt::format("{}: {}", name, base::printable(*mistake)),
                    "write [{ after: 30 days, class: IA }, { after: 90 days, class: Archive }]");
  }
  return tiers;
}

}  // namespace holdfast::config
