#include "repository/repair.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "confirm.hpp"
#include "repair_hidden.hpp"
#include "source_plan.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;
using repository::RepairKind;
using repository::RepairStep;

constexpr std::size_t affected_shown = 5;

std::string_view name_of(RepairKind kind) {
  switch (kind) {
    case RepairKind::format_copy:
      return "format_copy";
    case RepairKind::record:
      return "record";
    case RepairKind::index_segment:
      return "index_segment";
    case RepairKind::unindexed_pack:
      return "unindexed_pack";
    case RepairKind::pack:
      return "pack";
    case RepairKind::ledger:
      return "ledger";
    case RepairKind::epoch_copy:
      return "epoch_copy";
    case RepairKind::key_slot:
      return "key_slot";
  }
  HF_ASSERT(false, "every kind has a name above");
}

/// What can be done, before it is done.
std::string prospect(const RepairStep& step) {
  const bool is_small = step.kind == RepairKind::format_copy ||
                        step.kind == RepairKind::epoch_copy || step.kind == RepairKind::key_slot ||
                        step.kind == RepairKind::record;
  if (is_small && step.from_copy != 0) return "take it from the other repository";
  if (is_small) return "write it anew from another copy";
  if (step.kind == RepairKind::index_segment) return "index its packs anew";
  if (step.kind == RepairKind::ledger) return "remove it; the next check reads its packs again";
  if (step.kind == RepairKind::unindexed_pack) return "index it from its directory";
  return fmt::format(
      "write it anew: {} as they are, {} from parity, {} from the copy, {} from the source, {} "
      "lost",
      counted(step.whole, "segment", "segments"), step.from_parity, step.from_copy,
      step.from_source, step.lost);
}

class RepairCommand final : public Command {
public:
  std::string name() const override { return "repair"; }
  std::string summary() const override { return "Mend what check finds: shows a plan first"; }
  std::string examples() const override {
    return "  holdfast repair --dry-run                what is damaged and what can be done\n"
           "  holdfast repair --yes                    from parity, without a question\n"
           "  holdfast repair --from /media/usb/repo   also from a copy of this repository\n"
           "  holdfast repair --from-source              and from the files that are still there\n"
           "  holdfast repair index                    rebuild a lost index from the packs\n"
           "  holdfast repair hidden                   bring back what somebody hid\n";
  }

  void declare(Arguments& arguments) override {
    arguments.optional_positional("WHAT", what_,
                                  "'index' for the index alone, 'hidden' for older versions",
                                  Completes::nothing);
    arguments.option("--from", "URL", from_, "a copy of this repository to take lost parts from",
                     Completes::directories);
    arguments.option("--from-key-file", "FILE", from_key_file_,
                     "key file that opens the copy, when it is not what opens this repository",
                     Completes::files);
    arguments.flag("--from-source", from_source_,
                   "read files again whose content is lost, where they were backed up");
    arguments.flag("--give-up-lost", give_up_lost_,
                   "forget what stays lost, so that a full backup stores it again");
    arguments.flag("-n,--dry-run", dry_run_, "show the plan and change nothing");
    arguments.flag("-y,--yes", yes_, "do not ask");
    arguments.count("--threads", threads_, "at most so many (default: as many as cores)");
  }

  int run(Session& session) override {
    if (what_ && *what_ == "hidden") return repair_hidden(session, dry_run_, yes_);
    auto options = take_options();
    auto& repository = session.repository();
    if (from_) options.copy = &open_copy(session);
    if (from_source_) {
      options.open_source = [&](const std::string& path) { return open_source(session, path); };
    }
    auto plan =
        repository::plan_repair(repository, options, session.progress(), session.stopping());
    auto& console = session.console();
    console.json().field("dry_run", dry_run_);
    for (const auto& step : plan.steps)
      print(console, step, prospect(step));
    for (const auto& problem : plan.beyond)
      print(console, problem);
    if (plan.empty()) {
      write_json(console.json(), plan.steps, plan.beyond);
      console.line(plan.beyond.empty() ? console.green("no damage was found: nothing to repair")
                                       : console.red("nothing that was found can be repaired"));
      return exit_code(plan.steps, plan.beyond);
    }
    if (dry_run_) {
      write_json(console.json(), plan.steps, plan.beyond);
      return exit_code(plan.steps, plan.beyond);
    }
    const auto question =
        fmt::format("Repair {}?", counted(plan.steps.size(), "object", "objects"));
    if (!yes_ && !confirm(question, session.stopping())) {
      write_json(console.json(), plan.steps, plan.beyond);
      console.line("nothing was changed");
      return base::exit_done;
    }
    const auto done =
        repository::apply_repair(repository, plan, options, session.progress(), session.stopping());
    for (const auto& step : done)
      console.line(
          fmt::format("{}: {}", base::printable(step.object), base::printable(step.outcome)));
    write_json(console.json(), done, plan.beyond);
    conclude(console, done);
    return exit_code(done, plan.beyond);
  }

  std::string after_interruption() const override {
    return "nothing was lost; run repair again to go on";
  }

private:
  repository::RepairOptions take_options() const {
    if (what_ && *what_ != "index") {
      throw Error(ErrorKind::invalid_input,
                  fmt::format("'{}' cannot be repaired by itself", base::printable(*what_)))
          .set_hint(
              "say 'holdfast repair' for everything, 'holdfast repair index' or '"
              "holdfast repair hidden'");
    }
    if (from_key_file_ && !from_) {
      throw Error(ErrorKind::invalid_input, "--from-key-file needs --from")
          .set_hint("say --from URL, the copy of this repository that it opens");
    }
    if (what_ && (from_ || from_source_)) {
      throw Error(ErrorKind::invalid_input, "the index is rebuilt from the packs alone")
          .set_hint("leave out 'index' to take what is lost from elsewhere");
    }
    repository::RepairOptions options;
    options.index_only = what_.has_value();
    options.give_up_lost = give_up_lost_;
    options.threads = threads_.value_or(0);
    return options;
  }

  repository::Repository& open_copy(Session& session) {
    copy_store_ =
        session.open_store_at(storage::parse_location(*from_), Services::StoreMode::existing);
    copy_ = session.open_copy(*copy_store_, from_key_file_);
    if (copy_->id() != session.repository().id()) {
      throw Error(ErrorKind::invalid_input,
                  fmt::format("{} is another repository", base::printable(*from_)))
          .set_hint("a copy has the same id: nothing else has the same chunks");
    }
    return *copy_;
  }

  /// Null unless a regular file is there.
  std::unique_ptr<sources::SourceFile> open_source(Session& session, const std::string& path) {
    SourcePlan plan;
    plan.site = default_site;
    plan.sources.push_back(planned_tree(repository::ItemKind::files, path));
    opened_ = session.services().open_sources(plan);
    const auto ignore = [](const sources::ItemProblem&) {};
    auto& tree = *std::get<std::unique_ptr<sources::TreeSource>>(opened_.at(0).source);
    if (tree.root(ignore).entry.kind != sources::EntryKind::file) return nullptr;
    return tree.open_root_file();
  }

  static int exit_code(const std::vector<RepairStep>& steps,
                       const std::vector<repository::CheckProblem>& beyond) {
    const bool lost =
        std::ranges::any_of(steps, [](const RepairStep& step) { return step.lost != 0; });
    return lost || !beyond.empty() ? base::row_of(ErrorKind::corrupt).exit_code : base::exit_done;
  }

  static void print_affected(Console& console, const std::vector<std::string>& affected) {
    for (std::size_t i = 0; i < std::min(affected.size(), affected_shown); ++i)
      console.line(fmt::format("  needed by {}", base::printable(affected[i])));
    if (affected.size() > affected_shown) {
      console.line(fmt::format("  and {} more", affected.size() - affected_shown));
    }
  }

  static void print(Console& console, const RepairStep& step, const std::string& what) {
    console.line(
        fmt::format("{}: {}", base::printable(step.object), base::printable(step.problem)));
    console.line("  " + (step.lost == 0 ? console.green(what) : console.red(what)));
    if (step.lost != 0) print_affected(console, step.affected);
  }

  static void print(Console& console, const repository::CheckProblem& problem) {
    console.line(console.red(
        fmt::format("{}: {}", base::printable(problem.object), base::printable(problem.message))));
    print_affected(console, problem.affected);
  }

  static void conclude(Console& console, const std::vector<RepairStep>& done) {
    std::uint64_t lost = 0;
    for (const auto& step : done)
      lost += step.lost;
    if (lost == 0) {
      console.line(
          console.green("all of that is mended; damaged packs stay until they are pruned"));
      return;
    }
    console.line(console.red(fmt::format("{} stay lost", counted(lost, "part", "parts"))));
    console.line(
        "if the source still has the files: holdfast repair --from-source; or holdfast repair "
        "--give-up-lost, then holdfast backup --full");
  }

  static void write_affected(JsonWriter& json, const std::vector<std::string>& affected) {
    json.key("affected").begin_array();
    for (const auto& who : affected)
      json.begin_object().raw_field("name", who).end_object();
    json.end_array();
  }

  static void write_json(JsonWriter& json, const std::vector<RepairStep>& steps,
                         const std::vector<repository::CheckProblem>& beyond) {
    json.key("steps").begin_array();
    for (const auto& step : steps) {
      json.begin_object().field("object", std::string_view(step.object));
      json.field("kind", name_of(step.kind)).field("message", std::string_view(step.problem));
      json.field("whole", step.whole).field("from_parity", step.from_parity);
      json.field("from_copy", step.from_copy).field("from_source", step.from_source);
      json.field("from_others", step.from_others);
      json.field("lost", step.lost).field("outcome", std::string_view(step.outcome));
      write_affected(json, step.affected);
      json.end_object();
    }
    json.end_array().key("beyond_repair").begin_array();
    for (const auto& problem : beyond) {
      json.begin_object().field("object", std::string_view(problem.object));
      json.field("message", std::string_view(problem.message));
      write_affected(json, problem.affected);
      json.end_object();
    }
    json.end_array();
  }

  std::optional<std::string> what_;
  std::optional<std::string> from_;
  std::optional<std::string> from_key_file_;
  bool from_source_ = false;
  std::vector<backup::BackupItem> opened_;  // what the file being read is opened through
  bool give_up_lost_ = false;
  bool dry_run_ = false;
  bool yes_ = false;
  std::optional<std::uint32_t> threads_;
  std::unique_ptr<storage::Backend> copy_store_;
  std::unique_ptr<repository::Repository> copy_;
};

}  // namespace

std::unique_ptr<Command> make_repair_command() { return std::make_unique<RepairCommand>(); }

}  // namespace holdfast::cli
