#include "policy/score.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "repository/elsewhere.hpp"
#include "repository/holds.hpp"
#include "repository/read_ledger.hpp"
#include "seen_copy.hpp"
#include "storage/location.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

std::string medium_of(const config::Store* store, const std::string& scheme, bool offline) {
  if (store != nullptr && !store->medium.empty()) return store->medium;
  if (scheme == "file") return offline ? "removable disk" : "disk";
  if (scheme == "s3" || scheme == "oss" || scheme == "cos") return "object store";
  return "server";
}

/// Where a bucket of a provider lies is elsewhere; of everything else only a person can tell.
bool offsite_of(const config::Store* store, const std::string& scheme) {
  if (store != nullptr && store->offsite) return *store->offsite;
  return scheme == "oss" || scheme == "cos";
}

/// Stores that do not enforce the lock are refused by whoever writes to them.
bool is_locked(const config::Store* store) {
  return store != nullptr && store->bucket.lock_seconds.value_or(0) > 0;
}

void add_readings(policy::Place& place, const repository::ReadingSummary& readings) {
  place.damaged = readings.damaged_packs != 0;
  if (readings.never_packs == 0 && readings.oldest_seconds) {
    place.verified = base::WallTime{*readings.oldest_seconds, 0};
  }
}

/// The store of the configuration that is at this URL.
const config::Store* store_at(Session& session, const std::string& url) {
  if (session.config() == nullptr) return nullptr;
  for (const auto& store : session.config()->stores) {
    if (storage::parse_location(store.url).url() == url) return &store;
  }
  return nullptr;
}

class ScoreCommand final : public Command {
public:
  std::string name() const override { return "score"; }
  std::string summary() const override { return "Tell how well sites are kept: 3-2-1-1-0"; }
  std::string examples() const override {
    return "  holdfast score                           every site of holdfast.yaml\n"
           "  holdfast score blog --json\n"
           "  holdfast score --metrics > /var/lib/node_exporter/holdfast.prom\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positionals("SITE", sites_, "only these sites", Completes::sites);
    arguments.flag("--metrics", metrics_, "as metrics for Prometheus");
  }

  int run(Session& session) override {
    if (session.config() == nullptr || session.config()->sites.empty()) {
      throw Error(ErrorKind::not_found, "no configuration describes a site")
          .set_hint("write holdfast.yaml (docs/configuration.md), or name it with --config");
    }
    for (const auto& site : sites_)
      session.configured_site(site);
    bool all_kept = true;
    auto& json = session.console().json();
    json.key("sites").begin_array();
    for (const auto& site : session.config()->sites) {
      if (!sites_.empty() && std::ranges::find(sites_, site.name) == sites_.end()) continue;
      const auto places = places_of(session, site);
      const auto score = policy::score_of(places, session.services().clock().wall_now());
      all_kept = score.kept() && all_kept;
      write(json, site.name, places, score);
      if (metrics_) {
        add_metrics(site.name, score);
      } else {
        print(session.console(), site.name, score);
      }
    }
    json.end_array();
    if (metrics_) print_metrics(session.console());
    return all_kept ? base::exit_done : base::exit_partial;
  }

private:
  std::vector<policy::Place> places_of(Session& session, const config::Site& site) {
    policy::Place production;
    production.name = "production";
    production.medium = "disk";
    production.production = true;
    std::vector<policy::Place> places{production, repository_of(session, site.name)};
    const auto newest = newest_of(session, site.name);
    for (const auto& target : copy_targets_of_site(session, site.name)) {
      const auto& copy = seen(session, target);
      const auto scheme = storage::parse_location(target.url).scheme;
      policy::Place place;
      place.name = target.name;
      place.url = target.url;
      place.medium = medium_of(target.store, scheme, target.offline);
      place.offsite = offsite_of(target.store, scheme);
      place.out_of_reach = target.offline || is_locked(target.store);
      place.has_newest = newest && copy.has(*newest);
      place.overdue = is_overdue(session, copy);
      place.verify_seconds = target.store->verify_seconds.value_or(place.verify_seconds);
      if (copy.seen) add_readings(place, copy.verified);
      places.push_back(std::move(place));
    }
    return places;
  }

  policy::Place repository_of(Session& session, const std::string& site) {
    const auto location = session.location();
    const auto* store = store_at(session, location.url());
    policy::Place place;
    place.name = "repository";
    place.medium = medium_of(store, location.scheme, false);
    place.out_of_reach = is_locked(store);
    place.offsite = offsite_of(store, location.scheme);
    auto& repository = session.repository();
    const auto newest = newest_of(session, site);
    place.has_newest = newest && is_whole(repository, *newest);
    const auto ledger = repository::load_read_ledger(repository);
    const auto packs = repository.index().packs();
    add_readings(place, repository::summarize_readings(ledger.ledger, packs,
                                                       repository::ReadLevel::checksums));
    return place;
  }

  /// Whether all that the snapshot needs is in the repository's own store.
  static bool is_whole(repository::Repository& repository, const base::SnapshotId& snapshot) {
    const auto away = repository::list_marked_packs(repository.backend()).away;
    if (away.empty()) return true;
    try {
      const auto needed =
          repository::packs_needed_by(repository, {repository.snapshots().load(snapshot)});
      return std::ranges::none_of(needed, [&](const auto& pack) { return away.contains(pack); });
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::conflict) throw;
      return false;  // nobody can tell
    }
  }

  static std::optional<base::SnapshotId> newest_of(Session& session, const std::string& site) {
    std::optional<base::SnapshotId> newest;
    for (const auto& snapshot : session.snapshots()) {
      if (snapshot.site == site && snapshot.kind != repository::SnapshotKind::safety) {
        newest = snapshot.id;
      }
    }
    return newest;
  }

  /// Each store is looked at once, however many sites name it.
  const SeenCopy& seen(Session& session, const CopyTarget& target) {
    auto at = seen_.find(target.name);
    if (at == seen_.end()) at = seen_.emplace(target.name, look_at_copy(session, target)).first;
    return at->second;
  }

  static void write(JsonWriter& json, const std::string& site,
                    const std::vector<policy::Place>& places, const policy::Score& score) {
    json.begin_object().field("site", std::string_view(site)).field("kept", score.kept());
    json.key("rules").begin_array();
    for (const auto& rule : score.rules) {
      json.begin_object().field("rule", std::string_view(rule.name)).field("wanted", rule.wanted);
      json.field("have", rule.have).field("kept", rule.kept);
      json.field("advice", std::string_view(rule.advice)).end_object();
    }
    json.end_array().key("places").begin_array();
    for (const auto& place : places) {
      json.begin_object().field("name", std::string_view(place.name));
      json.field("medium", std::string_view(place.medium)).field("offsite", place.offsite);
      json.field("out_of_reach", place.out_of_reach);
      json.field("has_newest", place.has_newest || place.production);
      json.field("damaged", place.damaged).field("overdue", place.overdue);
      json.key("verified");
      if (place.verified) {
        json.value(std::string_view(place.verified->to_iso()));
      } else {
        json.null();
      }
      json.end_object();
    }
    json.end_array().end_object();
  }

  static void print(Console& console, const std::string& site, const policy::Score& score) {
    std::size_t kept = 0;
    for (const auto& rule : score.rules)
      kept += rule.kept ? 1 : 0;
    const auto text = fmt::format("{}: {} of {} kept", site, kept, score.rules.size());
    console.line(score.kept() ? console.green(text) : console.red(text));
    for (const auto& rule : score.rules) {
      console.line(fmt::format("  {:<8} {} of {}{}", rule.name, rule.have,
                               rule.wanted == 0 ? "at most 0" : fmt::format("{}", rule.wanted),
                               rule.kept ? "" : "  " + base::printable(rule.advice)));
    }
  }

  void add_metrics(const std::string& site, const policy::Score& score) {
    for (const auto& rule : score.rules) {
      have_ += fmt::format("holdfast_score_have{{site=\"{}\",rule=\"{}\"}} {}\n", site, rule.name,
                           rule.have);
      kept_ += fmt::format("holdfast_score_kept{{site=\"{}\",rule=\"{}\"}} {}\n", site, rule.name,
                           rule.kept ? 1 : 0);
    }
  }
  void print_metrics(Console& console) const {
    console.line("# HELP holdfast_score_have Copies, media, offsite and offline copies, errors.");
    console.line("# TYPE holdfast_score_have gauge");
    console.line(have_ + "# HELP holdfast_score_kept Whether a part of 3-2-1-1-0 is kept.");
    console.line("# TYPE holdfast_score_kept gauge");
    console.line(kept_.substr(0, kept_.size() - 1));
  }

  std::vector<std::string> sites_;
  std::map<std::string, SeenCopy> seen_;
  bool metrics_ = false;
  std::string have_;
  std::string kept_;
};

}  // namespace

std::unique_ptr<Command> make_score_command() { return std::make_unique<ScoreCommand>(); }

}  // namespace holdfast::cli
