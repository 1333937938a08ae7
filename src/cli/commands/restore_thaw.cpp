#include "restore_thaw.hpp"

#include "base/error.hpp"
#include "base/retry.hpp"
#include "base/units.hpp"
#include "copy_targets.hpp"
#include "price_list.hpp"
#include "repository/elsewhere.hpp"
#include "repository/stored_objects.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

namespace holdfast::cli {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::uint32_t days_max = 365;
constexpr std::array speeds = {storage::ThawSpeed::expedited, storage::ThawSpeed::standard,
                               storage::ThawSpeed::bulk};

std::uint64_t bytes_of(const std::vector<restore::FrozenPack>& packs) {
  std::uint64_t bytes = 0;
  for (const auto& pack : packs)
    bytes += pack.size;
  return bytes;
}

std::vector<policy::PacksInClass> by_class(const std::vector<restore::FrozenPack>& packs) {
  std::map<std::string, policy::PacksInClass> sums;
  for (const auto& pack : packs) {
    auto& sum = sums[pack.storage_class];
    sum.storage_class = pack.storage_class;
    ++sum.packs;
    sum.bytes += pack.size;
  }
  std::vector<policy::PacksInClass> classes;
  classes.reserve(sums.size());
  for (auto& [name, sum] : sums)
    classes.push_back(std::move(sum));
  return classes;
}

}  // namespace

/// What is frozen in one store.
struct RestoreThaw::FrozenPlace {
  storage::Backend* store = nullptr;
  std::vector<restore::FrozenPack> packs;
  std::vector<policy::PacksInClass> classes;
  policy::PriceList prices;
  std::vector<policy::ThawEstimate> estimates;
};

/// What a restore needs, and what of that is frozen at which price.
struct RestoreThaw::Needs {
  explicit Needs(Session& session) : stores(session) {}

  CopyStores stores;
  restore::RestorePlan plan;
  std::map<std::string, policy::PacksInClass> elsewhere;  // by the store that has them alone
  std::set<std::string> absent;                           // of these, not at hand
  std::vector<FrozenPlace> places;
  std::vector<restore::FrozenPack> frozen;      // in all places
  std::vector<policy::PacksInClass> classes;    // of these
  policy::PriceList prices;                     // of the first place
  std::vector<policy::ThawEstimate> estimates;  // of all

  const policy::ThawEstimate* estimate_of(std::string_view speed) const {
    const auto at = std::ranges::find(estimates, speed, &policy::ThawEstimate::speed);
    return at == estimates.end() ? nullptr : &*at;
  }
};

void RestoreThaw::declare(Arguments& arguments) {
  arguments.group("What lies in archive classes");
  arguments.flag("--plan", plan_,
                 "say which packs are needed, which must be thawed, how long that takes and what "
                 "it costs; writes nothing, needs no --to");
  arguments.flag("--thaw", thaw_, "thaw them, wait, and go on");
  arguments.count("--thaw-days", days_, "keep what is thawed so long (default: 3)");
  arguments.option("--thaw-speed", "SPEED", speed_, "expedited, standard (default) or bulk");
}

void RestoreThaw::check() const {
  const auto refuse = [](const char* message, const char* hint) {
    throw Error(ErrorKind::invalid_input, message).set_hint(hint);
  };
  if (plan_ && thaw_) {
    refuse("--plan and --thaw exclude each other", "--plan says what --thaw would do");
  }
  if ((speed_ && !thaw_) || (days_ && !thaw_ && !plan_)) {
    refuse("--thaw-days and --thaw-speed go with --thaw", "see holdfast help restore");
  }
  if (days() == 0 || days() > days_max) {
    refuse("--thaw-days must be 1 to 365", "as long as the restore may take, and some days more");
  }
  static_cast<void>(speed());
}

storage::ThawSpeed RestoreThaw::speed() const {
  if (!speed_) return storage::ThawSpeed::standard;
  const auto* const at =
      std::ranges::find(speeds, *speed_, [](auto speed) { return storage::name_of(speed); });
  if (at != speeds.end()) return *at;
  throw Error(ErrorKind::invalid_input,
              fmt::format("--thaw-speed: '{}' is not known", base::printable(*speed_)))
      .set_hint("use expedited, standard or bulk");
}

namespace {

/// Of packs in both places together.
std::vector<policy::ThawEstimate> sum_of(const std::vector<policy::ThawEstimate>& a,
                                         const std::vector<policy::ThawEstimate>& b,
                                         bool same_currency) {
  std::vector<policy::ThawEstimate> sums;
  for (const auto& one : a) {
    const auto other = std::ranges::find(b, one.speed, &policy::ThawEstimate::speed);
    if (other == b.end()) continue;
    policy::ThawEstimate sum{one.speed, one.seconds_max + other->seconds_max};
    if (same_currency && one.price && other->price) sum.price = *one.price + *other->price;
    sums.push_back(std::move(sum));
  }
  return sums;
}

/// What is needed, by the store that has it alone; "" for the repository's own.
std::map<std::string, std::vector<restore::NeededPack>> by_store(
    repository::Repository& repository, const std::vector<restore::NeededPack>& needed) {
  const auto away = repository::list_marked_packs(repository.backend()).away;
  std::map<std::string, std::vector<restore::NeededPack>> stores;
  for (const auto& pack : needed) {
    std::optional<repository::Elsewhere> mark;
    if (away.contains(pack.id)) {
      mark = repository::find_mark(repository, pack.id, repository::PackMark::away);
    }
    stores[mark ? mark->store : ""].push_back(pack);
  }
  return stores;
}

}  // namespace

void RestoreThaw::add_place(Session& session, storage::Backend& store,
                            const config::TierSettings& settings,
                            std::span<const restore::NeededPack> packs, Needs& needs) const {
  FrozenPlace place;
  place.store = &store;
  place.packs =
      restore::find_frozen(store, packs, session.stopping(), &session.repository().backend());
  if (place.packs.empty()) return;
  place.classes = by_class(place.packs);
  place.prices = prices_of(*store.tiers(), settings);
  place.estimates = policy::estimate_thaw(place.prices, place.classes, days());
  const bool is_first = needs.places.empty();
  if (is_first) needs.prices = place.prices;
  needs.estimates = is_first ? place.estimates
                             : sum_of(needs.estimates, place.estimates,
                                      needs.prices.currency == place.prices.currency);
  needs.frozen.insert(needs.frozen.end(), place.packs.begin(), place.packs.end());
  needs.classes.insert(needs.classes.end(), place.classes.begin(), place.classes.end());
  needs.places.push_back(std::move(place));
}

RestoreThaw::Needs RestoreThaw::needs_of(Session& session, const repository::Snapshot& snapshot,
                                         restore::RestoreRequest request) const {
  request.dry_run = true;
  Needs needs(session);
  auto& repository = session.repository();
  needs.plan =
      restore::run_restore(repository, snapshot, request, session.progress(), session.stopping())
          .plan;
  for (const auto& [name, packs] : by_store(repository, needs.plan.needed)) {
    if (name.empty()) {
      const auto settings = session.settings_of(session.location());
      add_place(session, repository.backend(), settings.tiers, packs, needs);
      continue;
    }
    auto& sum = needs.elsewhere[name];
    sum.packs = packs.size();
    for (const auto& pack : packs)
      sum.bytes += pack.size;
    auto* const store = needs.stores.find(name);
    if (store == nullptr) {
      needs.absent.insert(name);
    } else {
      add_place(session, *store, session.config()->find_store(name)->tiers, packs, needs);
    }
  }
  return needs;
}

void RestoreThaw::prepare(Session& session, const repository::Snapshot& snapshot,
                          restore::RestoreRequest request) const {
  auto& backend = session.repository().backend();
  if (!restore::may_be_frozen(backend) && repository::list_marked_packs(backend).away.empty()) {
    return;
  }
  const auto needs = needs_of(session, snapshot, std::move(request));
  if (needs.frozen.empty()) return;
  if (thaw_) return thaw(session, needs);
  const auto* usual = needs.estimate_of("standard");
  const auto takes = usual == nullptr ? std::string("a time that the provider tells")
                                      : "up to " + time_text(usual->seconds_max);
  throw Error(
      ErrorKind::frozen,
      fmt::format(
          "{} of {} that are needed must be thawed before they can be read: {}, "
          "which takes {} and costs {}",
          with_thousands(needs.frozen.size()), counted(needs.plan.packs, "pack", "packs"),
          base::format_byte_count(bytes_of(needs.frozen)), takes,
          price_text(usual == nullptr ? std::nullopt : usual->price, needs.prices.currency)))
      .set_hint("holdfast restore --plan says more; --thaw thaws them, waits and goes on");
}

void RestoreThaw::thaw(Session& session, const Needs& needs) const {
  const auto* estimate = needs.estimate_of(storage::name_of(speed()));
  if (estimate == nullptr) {
    std::vector<std::string> offered;
    offered.reserve(needs.estimates.size());
    for (const auto& other : needs.estimates)
      offered.push_back(other.speed);
    throw Error(ErrorKind::unsupported, fmt::format("not all packs can be thawed at the speed {}",
                                                    storage::name_of(speed())))
        .set_hint(fmt::format("use one of: {}", fmt::join(offered, ", ")));
  }
  auto& console = session.console();
  console.note(
      fmt::format("thawing {} of {}: up to {}, {}; interrupt it and run it again: it "
                  "goes on",
                  counted(needs.frozen.size(), "pack", "packs"),
                  base::format_byte_count(bytes_of(needs.frozen)), time_text(estimate->seconds_max),
                  price_text(estimate->price, needs.prices.currency)));
  const restore::ThawOptions options{days(), speed(), estimate->seconds_max};
  restore::ThawReport report;
  for (const auto& place : needs.places) {
    const auto done = restore::thaw(*place.store, place.packs, options, session.services().clock(),
                                    base::make_sleeper(session.stopping()), session.progress(),
                                    session.stopping());
    report.asked += done.asked;
    report.under_way += done.under_way;
    report.bytes += done.bytes;
    report.seconds_waited += done.seconds_waited;
  }
  console.json().key("thaw").begin_object();
  console.json().field("packs", needs.frozen.size()).field("bytes", report.bytes);
  console.json().field("asked", report.asked).field("under_way", report.under_way);
  console.json().field("seconds_waited", report.seconds_waited).end_object();
  console.note(fmt::format("{} thawed", counted(needs.frozen.size(), "pack", "packs")));
}

namespace {

void write_estimates(JsonWriter& json, const std::vector<policy::ThawEstimate>& estimates) {
  json.key("estimates").begin_array();
  for (const auto& estimate : estimates) {
    json.begin_object().field("speed", std::string_view(estimate.speed));
    json.field("seconds_max", estimate.seconds_max).key("price");
    if (estimate.price) {
      json.value(*estimate.price);
    } else {
      json.null();
    }
    json.end_object();
  }
  json.end_array();
}

void write_frozen(JsonWriter& json, const std::vector<restore::FrozenPack>& frozen) {
  json.key("frozen").begin_array();
  for (const auto& pack : frozen) {
    json.begin_object().field("pack", std::string_view(pack.id.hex())).field("size", pack.size);
    json.field("class", std::string_view(pack.storage_class));
    json.field("thawing", pack.is_thawing).end_object();
  }
  json.end_array();
}

}  // namespace

namespace {

void tell_elsewhere(Console& console, const std::map<std::string, policy::PacksInClass>& elsewhere,
                    const std::set<std::string>& absent) {
  auto& json = console.json();
  json.key("elsewhere").begin_array();
  for (const auto& [name, sum] : elsewhere) {
    json.begin_object().field("store", std::string_view(name)).field("packs", sum.packs);
    json.field("bytes", sum.bytes).field("at_hand", !absent.contains(name)).end_object();
    console.line(
        fmt::format("  {} of {} are read from {}{}", counted(sum.packs, "pack", "packs"),
                    base::format_byte_count(sum.bytes), base::printable(name),
                    absent.contains(name) ? ", which is not at hand: connect it first" : ""));
  }
  json.end_array();
}

}  // namespace

void RestoreThaw::report(Session& session, const repository::Snapshot& snapshot,
                         restore::RestoreRequest request) const {
  const auto needs = needs_of(session, snapshot, std::move(request));
  auto& console = session.console();
  auto& json = console.json();
  json.field("packs", needs.plan.packs).field("bytes_to_fetch", needs.plan.bytes_to_fetch);
  json.field("files", needs.plan.files).field("bytes", needs.plan.bytes);
  json.field("frozen_bytes", bytes_of(needs.frozen)).field("thaw_days", days());
  json.field("currency", std::string_view(needs.prices.currency));
  json.field("prices", std::string_view(needs.prices.origin));
  write_frozen(json, needs.frozen);
  write_estimates(json, needs.estimates);
  console.line(fmt::format("{} of {}: {} of {} are needed, {} to fetch",
                           console.bold(snapshot.id.short_hex()), base::printable(snapshot.site),
                           counted(needs.plan.packs, "pack", "packs"),
                           counted(needs.plan.files, "file", "files"),
                           base::format_byte_count(needs.plan.bytes_to_fetch)));
  tell_elsewhere(console, needs.elsewhere, needs.absent);
  if (needs.frozen.empty()) {
    if (needs.absent.empty()) {
      console.line("all of them can be read now: nothing must be thawed");
    }
    return;
  }
  for (const auto& sum : needs.classes) {
    console.line(fmt::format("  {} in {} must be thawed, {}", counted(sum.packs, "pack", "packs"),
                             base::printable(sum.storage_class),
                             base::format_byte_count(sum.bytes)));
  }
  const auto thawing = std::ranges::count(needs.frozen, true, &restore::FrozenPack::is_thawing);
  if (thawing > 0) {
    console.line(fmt::format("  {} of these was asked for already", thawing));
  }
  if (console.verbose()) {
    for (const auto& pack : needs.frozen)
      console.line("    " + repository::pack_object_name(pack.id));
  }
  using enum Table::Align;
  Table table({left, left, left});
  table.add({"SPEED", "TAKES UP TO", "COSTS"});
  for (const auto& estimate : needs.estimates) {
    table.add({estimate.speed,
               estimate.seconds_max == 0 ? "unknown" : time_text(estimate.seconds_max),
               price_text(estimate.price, needs.prices.currency)});
  }
  for (const auto& line : table.lines())
    console.line(line);
  console.line(
      fmt::format("estimates, with {} of keeping the copies; prices of {}; what you know "
                  "better goes into 'prices' of the store",
                  counted(days(), "day", "days"), needs.prices.origin));
  console.line("to go on: the same restore with --thaw");
}

}  // namespace holdfast::cli
