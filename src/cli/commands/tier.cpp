#include "base/error.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "copy_targets.hpp"
#include "policy/lifecycle.hpp"
#include "price_list.hpp"
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

/// A store with rules: the repository's own, or that of a copy.
struct Target {
  CopyTarget store;
  bool is_repository = false;
};

struct Sum {
  std::uint64_t packs = 0;
  std::uint64_t bytes = 0;
};

/// What the rules of one store ask for.
struct Plan {
  std::vector<repository::PackMove> moves;
  std::map<std::string, Sum> by_class;  // of these
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
  plan.prices = prices_of(*repository.backend().tiers(), settings.tiers);
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
    if (choice.reason == LifecycleReason::due) {
      plan.moves.push_back({tiers.content[i].id, size, choice.to});
    }
    auto& sum =
        choice.reason == LifecycleReason::due ? plan.by_class[choice.to] : plan.left[choice.reason];
    ++sum.packs;
    sum.bytes += size;
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
  json.end_array().key("left").begin_array();
  for (const auto& [reason, sum] : plan.left)
    write_sum(json, "reason", policy::name_of(reason), sum);
  json.end_array().field("frozen_trees", plan.frozen_trees);
  if (plan.moves.empty()) console.line(fmt::format("{}: nothing is due", store));
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

int print_report(Console& console, const std::string& store, const repository::MoveReport& report) {
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

class TierCommand final : public Command {
public:
  std::string name() const override { return "tier"; }
  std::string summary() const override {
    return "Move old packs into cheaper storage classes, by the rules of each store";
  }
  std::string examples() const override {
    return "  holdfast tier --dry-run                  what 'lifecycle' in holdfast.yaml asks for\n"
           "  holdfast tier                            do it, in the repository and its copies\n"
           "  holdfast tier oss                        in one store\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positionals("STORE", stores_, "names from 'stores' in holdfast.yaml",
                          Completes::nothing);
    arguments.flag("-n,--dry-run", dry_run_, "say what would be moved");
  }

  int run(Session& session) override {
    const auto targets = targets_of(session);
    auto& json = session.console().json();
    json.field("dry_run", dry_run_).key("stores").begin_array();
    int exit_code = base::exit_done;
    for (const auto& target : targets) {
      const int code = run_one(session, target, targets.size() == 1);
      if (exit_code == base::exit_done) exit_code = code;
    }
    json.end_array();
    return exit_code;
  }

  std::string after_interruption() const override {
    return "what was moved is moved; the next run goes on from there";
  }

private:
  std::vector<Target> targets_of(Session& session) const {
    const auto own = session.location().url();
    std::vector<CopyTarget> stores;
    if (stores_.empty()) {
      const auto* config = session.config();
      for (std::size_t i = 0; config != nullptr && i < config->stores.size(); ++i) {
        const auto& store = config->stores[i];
        if (storage::parse_location(store.url).url() == own) {
          stores.push_back({store.name, store.url, store.offline, &store});
        }
      }
      for (auto& copy : configured_copies(session))
        stores.push_back(std::move(copy));
      std::erase_if(stores, [](const CopyTarget& target) {
        return target.store == nullptr || target.store->tiers.lifecycle.empty();
      });
    } else {
      stores = copy_targets(session, stores_);
    }
    std::vector<Target> targets;
    for (auto& store : stores) {
      const bool is_own = storage::parse_location(store.url).url() == own;
      if (store.store == nullptr || store.store->tiers.lifecycle.empty()) refuse(store.name);
      targets.push_back({std::move(store), is_own});
    }
    if (targets.empty()) refuse("");
    return targets;
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

  /// One that cannot be reached does not keep the others from what is due there.
  int run_one(Session& session, const Target& target, bool only) const {
    auto& console = session.console();
    auto& json = console.json();
    json.begin_object().field("store", std::string_view(target.store.name));
    int exit_code = base::exit_done;
    try {
      exit_code = tier(session, target);
    } catch (const Error& error) {
      if (only) throw;
      const auto failure = failure_of(error);
      console.warn(fmt::format("{}: {}", target.store.name, failure.message));
      json.key("error").begin_object();
      console.add_failure(failure);
      json.end_object();
      exit_code = failure.exit_code;
    }
    json.end_object();
    return exit_code;
  }

  int tier(Session& session, const Target& target) const {
    if (target.is_repository) return tier_in(session, session.repository(), target);
    const auto store = open_copy_store(session, target.store, false);
    const auto opened = session.open_copy(*store, std::nullopt);
    return tier_in(session, *opened, target);
  }

  int tier_in(Session& session, Repository& repository, const Target& target) const {
    // What a prune deletes meanwhile must not come back by a copy of it.
    const repository::ReaderLease lease(repository, "tier");
    const auto plan = plan_of(session, repository, *target.store.store);
    print_plan(session.console(), target.store.name, plan);
    if (dry_run_) return base::exit_done;
    const auto report = repository::move_packs(repository.backend(), plan.moves, session.progress(),
                                               session.stopping());
    return print_report(session.console(), target.store.name, report);
  }

  std::vector<std::string> stores_;
  bool dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> make_tier_command() { return std::make_unique<TierCommand>(); }

}  // namespace holdfast::cli
