#include "repository/check.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "commands.hpp"
#include "copy_targets.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <optional>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t affected_shown = 5;

class CheckCommand final : public Command {
public:
  std::string name() const override { return "check"; }
  std::string summary() const override { return "Verify that every snapshot can be restored"; }
  std::string examples() const override {
    return "  holdfast check                           structure: records, trees, index, packs\n"
           "  holdfast check --read-data               and every stored byte\n"
           "  holdfast check --read-data-older-than 30d --budget 20GiB\n"
           "                                           what was not read for longest, a part a "
           "day\n";
  }

  void declare(Arguments& arguments) override {
    arguments.flag("--read-data", read_data_, "read every pack and verify every chunk");
    arguments.duration("--read-data-older-than", older_than_,
                       "read the packs that nobody read for so long, oldest first");
    arguments.size("--budget", budget_, "read no more than this; the next check goes on there");
    arguments.count("--threads", threads_, "at most so many (default: as many as cores)");
  }

  int run(Session& session) override {
    auto options = take_options();
    CopyStores stores(session);
    options.open_store = [&](const std::string& name) { return stores.find(name); };
    const auto report =
        repository::check(session.repository(), options, session.progress(), session.stopping());
    if (!report.ledger_note.empty()) {
      session.console().warn("which packs were read could not be noted: " + report.ledger_note);
    }
    write_json(session.console().json(), report);
    print(session.console(), report);
    if (report.tampered) return base::row_of(base::ErrorKind::tampered).exit_code;
    return report.clean() ? base::exit_done : base::row_of(base::ErrorKind::corrupt).exit_code;
  }

  std::string after_interruption() const override {
    return older_than_ ? "the check was not finished; the next one goes on there"
                       : "the check was not finished";
  }

private:
  repository::CheckOptions take_options() const {
    if (read_data_ && older_than_) {
      throw Error(ErrorKind::invalid_input,
                  "--read-data and --read-data-older-than exclude each other")
          .set_hint("the one reads everything, the other what was not read for so long");
    }
    if (budget_ && !older_than_) {
      throw Error(ErrorKind::invalid_input, "--budget needs --read-data-older-than")
          .set_hint("say: --read-data-older-than 30d --budget 20GiB");
    }
    if (budget_ && *budget_ == 0) {
      throw Error(ErrorKind::invalid_input, "--budget must be more than nothing")
          .set_hint("leave out --read-data-older-than to read no data");
    }
    repository::CheckOptions options;
    options.read_data = reads();
    options.older_than_seconds = older_than_;
    options.budget_bytes = budget_;
    options.keep_ledger = true;
    options.threads = threads_.value_or(0);
    return options;
  }

  bool reads() const { return read_data_ || older_than_; }

  void write_json(JsonWriter& json, const repository::CheckReport& report) const {
    json.field("clean", report.clean()).field("tampered", report.tampered);
    json.field("read_data", reads()).field("packs_read", report.packs_read);
    json.field("packs_frozen", report.packs_frozen).field("bytes_frozen", report.bytes_frozen);
    json.field("packs_left", report.packs_left).field("bytes_left", report.bytes_left);
    json.key("elsewhere").begin_array();
    for (const auto& place : report.elsewhere) {
      json.begin_object().field("store", std::string_view(place.store));
      json.field("packs", place.packs).field("bytes", place.bytes);
      json.field("looked_at", place.was_looked_at).end_object();
    }
    json.end_array();
    json.field("snapshots", report.snapshots).field("packs", report.packs);
    json.field("chunks", report.chunks).field("unused_packs", report.unused_packs);
    json.field("left_out", std::string_view(report.left_out));
    json.field("bytes_read", report.bytes_read).field("bytes_verified", report.bytes_verified);
    json.key("problems").begin_array();
    for (const auto& problem : report.problems) {
      json.begin_object().field("object", std::string_view(problem.object));
      json.field("message", std::string_view(problem.message)).key("affected").begin_array();
      for (const auto& affected : problem.affected) {
        json.begin_object().raw_field("name", affected).end_object();
      }
      json.end_array().end_object();
    }
    json.end_array();
  }

  void print(Console& console, const repository::CheckReport& report) const {
    for (const auto& problem : report.problems) {
      console.line(console.red(fmt::format("{}: {}", base::printable(problem.object),
                                           base::printable(problem.message))));
      for (std::size_t i = 0; i < std::min(problem.affected.size(), affected_shown); ++i) {
        console.line(fmt::format("  needed by {}", base::printable(problem.affected[i])));
      }
      if (problem.affected.size() > affected_shown) {
        console.line(fmt::format("  and {} more", problem.affected.size() - affected_shown));
      }
    }
    console.line(fmt::format(
        "{}, {}, {} checked{}", counted(report.snapshots, "snapshot", "snapshots"),
        counted(report.packs, "pack", "packs"), counted(report.chunks, "chunk", "chunks"),
        reads() ? fmt::format(", {} of {} read and verified",
                              base::format_byte_count(report.bytes_read),
                              counted(report.packs_read, "pack", "packs"))
                : ""));
    if (report.packs_left > 0) {
      console.line(fmt::format("{} of {} are left for the next check",
                               counted(report.packs_left, "pack", "packs"),
                               base::format_byte_count(report.bytes_left)));
    }
    if (report.packs_frozen > 0) {
      console.line(fmt::format("{} of {} are in archive classes: they are there, and were not read",
                               counted(report.packs_frozen, "pack", "packs"),
                               base::format_byte_count(report.bytes_frozen)));
    }
    for (const auto& place : report.elsewhere) {
      console.line(fmt::format(
          "{} of {} are kept in {} only{}", counted(place.packs, "pack", "packs"),
          base::format_byte_count(place.bytes),
          place.store.empty() ? "a store that cannot be told" : base::printable(place.store),
          place.was_looked_at ? "" : ", which is not at hand: they were not looked at"));
    }
    if (!report.left_out.empty()) console.line("not checked: " + report.left_out);
    if (report.unused_packs > 0) {
      console.line(fmt::format("{} left by interrupted runs: harmless",
                               counted(report.unused_packs, "pack", "packs")));
    }
    if (report.clean()) {
      console.line(console.green("no problems were found"));
      return;
    }
    console.line(console.red(counted(report.problems.size(), "problem", "problems") + " found"));
    console.line("what can be done about damage: holdfast repair --dry-run");
  }

  bool read_data_ = false;
  std::optional<std::int64_t> older_than_;
  std::optional<std::uint64_t> budget_;
  std::optional<std::uint32_t> threads_;
};

}  // namespace

std::unique_ptr<Command> make_check_command() { return std::make_unique<CheckCommand>(); }

}  // namespace holdfast::cli
