#include "base/error.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "copies/moves.hpp"
#include "copy_targets.hpp"
#include "policy/lifecycle.hpp"
#include "price_list.hpp"
#include "repository/elsewhere.hpp"
#include "repository/pack_tiers.hpp"
#include "repository/prune.hpp"
#include "repository/reader_lease.hpp"
#include "restore/restore.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;
using policy::LifecycleReason;
using repository::Repository;

struct Sum {
  std::uint64_t packs = 0;
  std::uint64_t bytes = 0;

  void add(std::uint64_t size) {
    ++packs;
    bytes += size;
  }
};
Sum sum_of(const std::vector<repository::StoredPack>& packs) {
  Sum sum;
  for (const auto& pack : packs)
    sum.add(pack.size);
  return sum;
}

/// What the rules of one store ask for.
struct Plan {
  std::vector<repository::PackMove> moves;
  std::map<std::string, Sum> by_class;       // of these
  std::vector<repository::StoredPack> away;  // to the store called `store`
  std::string store;
  std::map<LifecycleReason, Sum> left;  // though a rule is due
  std::uint64_t frozen_trees = 0;
  policy::PriceList prices;
};

std::string_view words_of(LifecycleReason reason) {
  switch (reason) {
    case LifecycleReason::leaving:
      return "stay: the next prune deletes them or writes them anew";
    case LifecycleReason::newest:
      return "stay: the newest snapshots need them";
    case LifecycleReason::minimum_time:
      return "stay: the minimum time of their class is not over, and would be paid for";
    case LifecycleReason::archived:
      return "stay: they would have to be thawed to go on";
    case LifecycleReason::unknown_age:
      return "stay: the store does not say how old they are";
    case LifecycleReason::due:
    case LifecycleReason::young:
    case LifecycleReason::there:
      break;
  }
  return "";
}

/// A lock would keep, and let pay for, what lies under each object that was moved.
void expect_unlocked(storage::Backend& backend) {
  auto* const locks = backend.locks();
  if (locks == nullptr || locks->terms().period_seconds == 0) return;
  throw Error(ErrorKind::unsupported,
              fmt::format("{} locks its objects: what is moved would be paid for twice until its "
                          "lock ends",
                          backend.describe()))
      .set_hint(
          "say 'storage_class' of the store, so that new packs of content begin in a "
          "cheaper class");
}

/// What the next prune takes away is not worth moving.
std::set<base::PackId> leaving_packs(Session& session, Repository& repository) {
  const auto plan = repository::plan_prune(repository, {}, session.progress(), session.stopping());
  std::set<base::PackId> leaving;
  for (const auto* packs : {&plan.deleted, &plan.repacked}) {
    for (const auto& pack : *packs)
      leaving.insert(pack.id);
  }
  return leaving;
}

/// What a restore of the newest snapshot of any site would read.
std::set<base::PackId> newest_packs(Session& session, Repository& repository) {
  std::map<std::string, repository::Snapshot> newest;
  for (auto& snapshot : repository.snapshots().list([](const auto&, const auto&) {})) {
    auto& known = newest[snapshot.site];
    if (known.items.empty() || known.started < snapshot.started) known = std::move(snapshot);
  }
  std::set<base::PackId> packs;
  restore::RestoreRequest request;
  request.dry_run = true;
  for (const auto& [site, snapshot] : newest) {
    const auto report =
        restore::run_restore(repository, snapshot, request, session.progress(), session.stopping());
    for (const auto& pack : report.plan.needed)
      packs.insert(pack.id);
  }
  return packs;
}

Plan plan_of(Session& session, Repository& repository, const config::Store& settings) {
  Plan plan;
  expect_unlocked(repository.backend());
  const auto tiers = repository::survey_tiers(repository);
  const auto leaving = leaving_packs(session, repository);
  std::set<base::PackId> newest;
  if (settings.tiers.keeps_newest) newest = newest_packs(session, repository);
  plan.frozen_trees = tiers.frozen_trees;
  if (auto* const classes = repository.backend().tiers()) {
    plan.prices = prices_of(*classes, settings.tiers);
  }
  std::vector<policy::TieredPack> packs;
  packs.reserve(tiers.content.size());
  for (const auto& pack : tiers.content) {
    packs.push_back({pack.size, pack.storage_class, pack.since, pack.is_archived,
                     leaving.contains(pack.id), newest.contains(pack.id)});
  }
  const auto choices = policy::plan_lifecycle(settings.tiers.lifecycle, packs, plan.prices,
                                              settings.bucket.storage_class.value_or(""),
                                              session.services().clock().wall_now());
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const auto& choice = choices[i];
    const auto size = packs[i].size;
    if (choice.reason != LifecycleReason::due) {
      plan.left[choice.reason].add(size);
    } else if (!choice.store.empty()) {
      plan.store = choice.store;
      plan.away.push_back({tiers.content[i].id, size});
    } else {
      plan.moves.push_back({tiers.content[i].id, size, choice.to});
      plan.by_class[choice.to].add(size);
    }
  }
  return plan;
}

void write_sum(JsonWriter& json, std::string_view key, std::string_view what, const Sum& sum) {
  json.begin_object().field(key, what).field("packs", sum.packs).field("bytes", sum.bytes);
  json.end_object();
}

void print_plan(Console& console, const std::string& store, const Plan& plan) {
  auto& json = console.json();
  json.key("moves").begin_array();
  for (const auto& [name, sum] : plan.by_class)
    write_sum(json, "class", name, sum);
  if (!plan.away.empty()) write_sum(json, "store", plan.store, sum_of(plan.away));
  json.end_array().key("left").begin_array();
  for (const auto& [reason, sum] : plan.left)
    write_sum(json, "reason", policy::name_of(reason), sum);
  json.end_array().field("frozen_trees", plan.frozen_trees);
  if (plan.moves.empty() && plan.away.empty()) {
    console.line(fmt::format("{}: nothing is due", store));
  }
  if (const auto sum = sum_of(plan.away); sum.packs > 0) {
    console.line(fmt::format("{}: {} of {} are to be in {} alone", store,
                             counted(sum.packs, "pack", "packs"),
                             base::format_byte_count(sum.bytes), base::printable(plan.store)));
  }
  for (const auto& [name, sum] : plan.by_class) {
    const auto* of = plan.prices.find(name);
    const auto minimum = of == nullptr || of->seconds_min == 0
                             ? std::string()
                             : ", paid for at least " + time_text(of->seconds_min);
    console.line(fmt::format("{}: {} of {} to {}{}{}", store, counted(sum.packs, "pack", "packs"),
                             base::format_byte_count(sum.bytes), base::printable(name), minimum,
                             of != nullptr && of->is_archive() ? ", read after a thaw only" : ""));
  }
  for (const auto& [reason, sum] : plan.left) {
    if (words_of(reason).empty()) continue;
    console.line(fmt::format("{}: {} of {} {}", store, counted(sum.packs, "pack", "packs"),
                             base::format_byte_count(sum.bytes), words_of(reason)));
  }
  if (plan.frozen_trees > 0) {
    console.warn(fmt::format(
        "{}: {} of trees are in an archive class, and every command needs them: take away the rule "
        "of the bucket that moved them, thaw them, and move them back",
        store, counted(plan.frozen_trees, "pack", "packs")));
  }
}

/// Of both kinds of moves.
template <class Report>
int print_report(Console& console, const std::string& store, const Report& report) {
  auto& json = console.json();
  json.field("packs_moved", report.packs).field("bytes_moved", report.bytes);
  json.key("problems").begin_array();
  for (const auto& problem : report.problems) {
    json.begin_object().field("object", std::string_view(problem.object));
    json.field("message", std::string_view(problem.message)).end_object();
    console.warn(fmt::format("{}: {} stays: {}", store, problem.object, problem.message));
  }
  json.end_array();
  if (report.packs > 0) {
    console.line(fmt::format("{}: {} of {} moved", store, counted(report.packs, "pack", "packs"),
                             base::format_byte_count(report.bytes)));
  }
  return report.problems.empty() ? base::exit_done : base::exit_partial;
}

/// Those that the copy has not (`lacking`) are no failure: the next copy brings them there.
int print_moves(Console& console, const std::string& store, const std::string& copy,
                const copies::MovesReport& report) {
  console.json().field("packs_lacking", report.packs_lacking);
  if (report.packs_lacking > 0) {
    console.warn(fmt::format("{}: {} stay, because {} does not have them: holdfast copy {}", store,
                             counted(report.packs_lacking, "pack", "packs"), copy, copy));
  }
  return print_report(console, store, report);
}

class TierCommand final : public Command {
public:
  std::string name() const override { return "tier"; }
  std::string summary() const override {
    return "Move old packs into cheaper storage classes or stores, by the rules of each store";
  }
  std::string examples() const override {
    return "  holdfast tier --dry-run                  what 'lifecycle' in holdfast.yaml asks for\n"
           "  holdfast tier                            do it, in the repository and its copies\n"
           "  holdfast tier oss                        in one store\n"
           "  holdfast tier --bring-back               take packs back that another store keeps\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positionals("STORE", stores_, "names from 'stores' in holdfast.yaml",
                          Completes::nothing);
    arguments.flag("--bring-back", brings_back_,
                   "copy packs that are in another store instead into the repository again; STORE "
                   "may be any copy that has them");
    arguments.flag("-n,--dry-run", dry_run_, "say what would be moved");
  }

  int run(Session& session) override {
    const auto targets = brings_back_ ? copy_targets(session, stores_) : targets_of(session);
    auto& console = session.console();
    auto& json = console.json();
    json.field("dry_run", dry_run_);
    return for_each_copy(
        session, "stores", targets,
        [&](const CopyTarget& target) {
          json.begin_object().field("store", std::string_view(target.name));
          const int code = brings_back_ ? bring_back(session, target) : tier(session, target);
          json.end_object();
          return code;
        },
        [&](const CopyTarget& target, const Failure& failure) {
          console.warn(fmt::format("{}: {}", target.name, failure.message));
          json.key("error").begin_object();
          console.add_failure(failure);
          json.end_object().end_object();
        });
  }

  std::string after_interruption() const override {
    return "what was moved is moved; the next run goes on from there";
  }

private:
  std::vector<CopyTarget> targets_of(Session& session) const {
    std::vector<CopyTarget> targets;
    if (!stores_.empty()) {
      targets = copy_targets(session, stores_);
      for (const auto& target : targets) {
        if (!has_rules(target)) refuse(target.name);
      }
      return targets;
    }
    const auto* config = session.config();
    for (std::size_t i = 0; config != nullptr && i < config->stores.size(); ++i) {
      const auto& store = config->stores[i];
      const CopyTarget target{store.name, store.url, store.offline, &store};
      if (is_repository(session, target)) targets.push_back(target);
    }
    for (auto& copy : configured_copies(session))
      targets.push_back(std::move(copy));
    std::erase_if(targets, [](const CopyTarget& target) { return !has_rules(target); });
    if (targets.empty()) refuse("");
    return targets;
  }

  static bool has_rules(const CopyTarget& target) {
    return target.store != nullptr && !target.store->tiers.lifecycle.empty();
  }
  static bool is_repository(Session& session, const CopyTarget& target) {
    return storage::parse_location(target.url).url() == session.location().url();
  }

  [[noreturn]] static void refuse(const std::string& store) {
    throw Error(ErrorKind::invalid_input,
                store.empty()
                    ? std::string("no store has rules for its classes")
                    : fmt::format("{} has no rules for its classes", base::printable(store)))
        .set_hint(
            "write lifecycle: [{ after: 30 days, class: STANDARD_IA }] into the store in "
            "holdfast.yaml");
  }

  int tier(Session& session, const CopyTarget& target) const {
    if (is_repository(session, target)) return tier_in(session, session.repository(), target);
    const auto store = open_copy_store(session, target, false);
    const auto opened = session.open_copy(*store, std::nullopt);
    return tier_in(session, *opened, target);
  }

  int tier_in(Session& session, Repository& repository, const CopyTarget& target) const {
    // What a prune deletes meanwhile must not come back by a copy of it.
    const repository::ReaderLease lease(repository, "tier");
    const auto plan = plan_of(session, repository, *target.store);
    print_plan(session.console(), target.name, plan);
    if (!plan.away.empty() && !is_repository(session, target)) {
      throw Error(ErrorKind::conflict,
                  fmt::format("{} is not the repository here, and packs go to {} from that only",
                              target.name, base::printable(plan.store)))
          .set_hint("leave out --repo and HOLDFAST_REPO, or take the rule out of the store");
    }
    if (dry_run_) return base::exit_done;
    if (!plan.away.empty()) return move_away(session, target, plan);
    const auto report = repository::move_packs(repository.backend(), plan.moves, session.progress(),
                                               session.stopping());
    return print_report(session.console(), target.name, report);
  }

  /// Moves into classes before that, which need nobody else.
  static int move_away(Session& session, const CopyTarget& target, const Plan& plan) {
    auto& repository = session.repository();
    auto& console = session.console();
    const auto moved = repository::move_packs(repository.backend(), plan.moves, session.progress(),
                                              session.stopping());
    console.json().key("classes").begin_object();
    const int in_classes = print_report(console, target.name, moved);
    console.json().end_object();
    const auto to = copy_targets(session, {plan.store}).front();
    const auto store = open_copy_store(session, to, false);
    const auto opened = session.open_copy(*store, std::nullopt);
    const auto report = copies::move_away(repository, *opened, to.name, plan.away,
                                          session.progress(), session.stopping());
    const int away = print_moves(console, target.name, to.name, report);
    return in_classes == base::exit_done ? away : in_classes;
  }

  int bring_back(Session& session, const CopyTarget& target) const {
    auto& repository = session.repository();
    auto& console = session.console();
    const auto away = repository::list_marked_packs(repository.backend()).away;
    console.json().field("packs_elsewhere", away.size());
    if (dry_run_ || away.empty()) {
      console.line(away.empty() ? std::string("no pack is elsewhere")
                                : counted(away.size(), "pack is", "packs are") + " elsewhere");
      return base::exit_done;
    }
    const auto store = open_copy_store(session, target, false);
    const auto opened = session.open_copy(*store, std::nullopt);
    const auto report = copies::bring_back(repository, *store, target.name, !stores_.empty(),
                                           session.progress(), session.stopping());
    return print_moves(console, "repository", target.name, report);
  }

  std::vector<std::string> stores_;
  bool brings_back_ = false;
  bool dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> make_tier_command() { return std::make_unique<TierCommand>(); }

}  // namespace holdfast::cli
