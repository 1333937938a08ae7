#include "base/error.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "copy_targets.hpp"
#include "doctor/examination.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;
using doctor::Finding;
using doctor::Verdict;

struct StoreToExamine {
  std::string name;
  storage::Location location;
  config::Store settings;
  bool is_expected_away = false;
};

class DoctorCommand final : public Command {
public:
  std::string name() const override { return "doctor"; }
  std::string summary() const override { return "Find out what is wrong with a store or a site"; }
  std::string examples() const override {
    return "  holdfast doctor                          everything of holdfast.yaml\n"
           "  holdfast doctor nas                      a store of it, layer by layer\n"
           "  holdfast doctor sftp://web@nas/backup    any store\n"
           "  holdfast doctor blog --json              a site: what it takes, where it goes\n"
           "  holdfast doctor nas --look-only          nothing is written to it\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positionals("STORE|SITE", named_, "only these", Completes::sites);
    arguments.flag("--look-only", look_only_, "write nothing to a store");
  }

  std::string after_interruption() const override {
    return "what was written below doctor/ of the store was removed";
  }

  int run(Session& session) override {
    auto& json = session.console().json();
    json.key("subjects").begin_array();
    collect(session);
    for (const auto* site : sites_)
      examine_site(session, *site);
    for (const auto& store : stores_)
      examine_store(session, store);
    examine_cache(session);
    json.end_array().field("failed", failed_).field("warnings", warnings_);
    return failed_ == 0 ? base::exit_done : base::exit_partial;
  }

private:
  void collect(Session& session) {
    if (named_.empty()) return collect_all(session);
    for (const auto& name : named_)
      collect_named(session, name);
  }

  void collect_all(Session& session) {
    const auto* config = session.config();
    add_repository(session);
    if (config == nullptr) return;
    for (const auto& site : config->sites)
      sites_.push_back(&site);
    for (const auto& store : config->stores)
      add_store({store.name, storage::parse_location(store.url), store, store.offline});
  }

  void collect_named(Session& session, const std::string& name) {
    const auto* config = session.config();
    const auto* site = config == nullptr ? nullptr : config->find_site(name);
    const auto* store = config == nullptr ? nullptr : config->find_store(name);
    if (site != nullptr) {
      sites_.push_back(site);
      add_repository(session);
      for (const auto& target : copy_targets_of_site(session, site->name)) {
        add_store({target.name, storage::parse_location(target.url),
                   target.store == nullptr ? config::Store{} : *target.store, target.offline});
      }
    }
    if (store != nullptr) {
      add_store({store->name, storage::parse_location(store->url), *store, false});
    }
    if (site != nullptr || store != nullptr) return;
    if (name.find('/') == name.npos) throw unknown(session, name);
    const auto location = storage::parse_location(name);
    add_store({name, location, session.settings_of(location), false});
  }

  static Error unknown(Session& session, const std::string& name) {
    Error error(ErrorKind::not_found,
                fmt::format("there is no site or store {}", base::printable(name)));
    return session.config() == nullptr
               ? error.set_hint("no configuration was found: name it with --config, or give a URL")
               : error.set_hint("give a name of " + session.config()->path + ", or a URL");
  }

  void add_repository(Session& session) {
    const auto location = session.location();
    add_store({"repository", location, session.settings_of(location), false});
  }

  /// Each once, however it was named.
  void add_store(StoreToExamine store) {
    if (seen_.insert(store.location.url()).second) stores_.push_back(std::move(store));
  }

  void examine_store(Session& session, const StoreToExamine& store) {
    auto& services = session.services();
    begin(session, "store", store.name, store.location.url());
    doctor::Patient patient;
    patient.way = services.way_to_store(store.location, store.settings);
    patient.open = [&] {
      return services.open_store(store.location, Services::StoreMode::examine, store.settings, {});
    };
    doctor::ExaminationOptions options;
    options.writes = !look_only_;
    const auto findings = with_teller(session, [&](const doctor::Surroundings& around) {
      return doctor::examine_store(patient, options, around);
    });
    if (store.is_expected_away && has_failed(findings, "place")) {
      session.console().line("  it is 'offline: true': expected to be away");
      return end(session, {});
    }
    end(session, findings);
  }

  void examine_site(Session& session, const config::Site& site) {
    begin(session, "site", site.name, "");
    std::vector<doctor::Taken> taken;
    for (const auto* paths : {&site.files, &site.config}) {
      for (const auto& path : *paths)
        taken.push_back({doctor::Taken::Kind::tree, path});
    }
    for (const auto& database : site.databases) {
      if (database.engine == config::DatabaseEngine::sqlite) {
        taken.push_back({doctor::Taken::Kind::sqlite, database.path});
      }
    }
    end(session, with_teller(session, [&](const doctor::Surroundings& around) {
          return doctor::examine_sources(taken, around);
        }));
  }

  void examine_cache(Session& session) {
    begin(session, "machine", "this machine", "");
    end(session, with_teller(session, [&](const doctor::Surroundings& around) {
          return doctor::examine_local_disk(session.cache_directory(), around);
        }));
  }

  template <class Examine>
  std::vector<Finding> with_teller(Session& session, Examine examine) {
    const std::function<void(const Finding&)> tell = [&](const Finding& finding) {
      print(session.console(), finding);
      write(session.console().json(), finding);
    };
    auto& services = session.services();
    return examine({services.clock(), services.random(), tell, session.stopping()});
  }

  static void begin(Session& session, const char* kind, const std::string& name,
                    const std::string& url) {
    session.console().line(
        fmt::format("{}{}", base::printable(name), url.empty() ? "" : " (" + url + ")"));
    auto& json = session.console().json();
    json.begin_object().field("kind", kind).field("name", std::string_view(name));
    if (!url.empty()) json.field("url", std::string_view(url));
    json.key("findings").begin_array();
  }

  void end(Session& session, const std::vector<Finding>& findings) {
    session.console().json().end_array().end_object();
    failed_ += count(findings, Verdict::failed);
    warnings_ += count(findings, Verdict::warning);
  }

  static std::uint64_t count(const std::vector<Finding>& findings, Verdict verdict) {
    return static_cast<std::uint64_t>(std::ranges::count(findings, verdict, &Finding::verdict));
  }

  static bool has_failed(const std::vector<Finding>& findings, std::string_view layer) {
    return std::ranges::any_of(findings, [&](const Finding& finding) {
      return finding.layer == layer && finding.verdict == Verdict::failed;
    });
  }

  static void print(Console& console, const Finding& finding) {
    const auto word = [&]() -> std::string {
      switch (finding.verdict) {
        case Verdict::good:
          return console.green("ok  ");
        case Verdict::warning:
          return console.yellow("warn");
        case Verdict::failed:
          return console.red("FAIL");
        case Verdict::skipped:
          return "-   ";
      }
      return "";
    };
    console.line(
        fmt::format("  {} {:<9} {}", word(), finding.layer, base::printable(finding.says)));
    if (!finding.next_step.empty()) {
      console.line(fmt::format("                 next: {}", base::printable(finding.next_step)));
    }
  }

  static void write(JsonWriter& json, const Finding& finding) {
    json.begin_object().field("layer", std::string_view(finding.layer));
    json.field("verdict", doctor::name_of(finding.verdict));
    json.field("says", std::string_view(finding.says));
    json.field("next_step", std::string_view(finding.next_step));
    if (finding.figure) {
      json.field("figure", *finding.figure).field("unit", std::string_view(finding.unit));
    }
    json.end_object();
  }

  std::vector<std::string> named_;
  bool look_only_ = false;
  std::vector<StoreToExamine> stores_;
  std::vector<const config::Site*> sites_;
  std::set<std::string> seen_;
  std::uint64_t failed_ = 0;
  std::uint64_t warnings_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_doctor_command() { return std::make_unique<DoctorCommand>(); }

}  // namespace holdfast::cli
