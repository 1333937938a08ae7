#include "policy/lifecycle.hpp"

#include <algorithm>
#include <iterator>

namespace holdfast::policy {

namespace {

using Reason = LifecycleReason;

class Chooser {
public:
  Chooser(std::span<const LifecycleRule> rules, const PriceList& prices,
          std::string_view class_of_new, base::WallTime now)
      : rules_(rules), prices_(prices), class_of_new_(class_of_new), now_(now) {}

  LifecycleChoice choose(const TieredPack& pack) const {
    if (!pack.since) return {Reason::unknown_age};
    const auto in_class = now_.seconds - pack.since->seconds;
    const auto current =
        pack.storage_class.empty()
            ? rules_.end()
            : std::ranges::find(rules_, pack.storage_class, &LifecycleRule::storage_class);
    const bool was_moved = current != rules_.end() && pack.storage_class != class_of_new_;
    const auto age = in_class + (was_moved ? current->after_seconds : 0);
    auto due = rules_.end();
    for (auto rule = rules_.begin(); rule != rules_.end() && rule->after_seconds <= age; ++rule)
      due = rule;
    if (due == rules_.end()) return {Reason::young};
    if (current != rules_.end() && current >= due) return {Reason::there};
    if (pack.is_archived) return {Reason::archived};
    if (pack.is_leaving) return {Reason::leaving};
    if (pack.is_newest) return {Reason::newest};
    const auto* from = prices_.find(pack.storage_class);
    if (from != nullptr && in_class < from->seconds_min) return {Reason::minimum_time};
    return {Reason::due, due->storage_class, due->store};
  }

private:
  const std::span<const LifecycleRule> rules_;
  const PriceList& prices_;
  const std::string_view class_of_new_;
  const base::WallTime now_;
};

}  // namespace

std::string_view name_of(LifecycleReason reason) {
  switch (reason) {
    case Reason::due:
      return "due";
    case Reason::young:
      return "young";
    case Reason::there:
      return "there";
    case Reason::leaving:
      return "leaving";
    case Reason::newest:
      return "newest";
    case Reason::minimum_time:
      return "minimum time";
    case Reason::archived:
      return "archived";
    case Reason::unknown_age:
      return "unknown age";
  }
  return "unknown";
}

std::vector<LifecycleChoice> plan_lifecycle(std::span<const LifecycleRule> rules,
                                            std::span<const TieredPack> packs,
                                            const PriceList& prices, std::string_view class_of_new,
                                            base::WallTime now) {
  const Chooser chooser(rules, prices, class_of_new, now);
  std::vector<LifecycleChoice> choices;
  choices.reserve(packs.size());
  std::ranges::transform(packs, std::back_inserter(choices),
                         [&](const TieredPack& pack) { return chooser.choose(pack); });
  return choices;
}

std::optional<std::string> mistake_in(std::span<const LifecycleRule> rules,
                                      const PriceList& prices) {
  for (std::size_t i = 1; i < rules.size(); ++i) {
    if (rules[i].after_seconds <= rules[i - 1].after_seconds) {
      return "each rule must come later than the one before it";
    }
    if (!rules[i - 1].store.empty()) {
      return "what is in " + rules[i - 1].store +
             " alone goes on by the rules of that store: let that be last";
    }
    if (rules[i].storage_class == rules[i - 1].storage_class) {
      return "two rules name the class " + rules[i].storage_class;
    }
    const auto* before = prices.find(rules[i - 1].storage_class);
    if (before != nullptr && before->is_archive()) {
      return "nothing can go on from " + before->name + ", which must be thawed: let that be last";
    }
  }
  return std::nullopt;
}

}  // namespace holdfast::policy
