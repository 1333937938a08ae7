#include "repository/check.hpp"

#include "base/units.hpp"
#include "commands.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <optional>

namespace holdfast::cli {

namespace {

constexpr std::size_t affected_shown = 5;

class CheckCommand final : public Command {
public:
  std::string name() const override { return "check"; }
  std::string summary() const override { return "Verify that every snapshot can be restored"; }
  std::string examples() const override {
    return "  holdfast check                           structure: records, trees, index, packs\n"
           "  holdfast check --read-data               and every stored byte\n";
  }

  void declare(Arguments& arguments) override {
    arguments.flag("--read-data", read_data_, "read every pack and verify every chunk");
    arguments.count("--threads", threads_, "at most so many (default: as many as cores)");
  }

  int run(Session& session) override {
    repository::CheckOptions options;
    options.read_data = read_data_;
    options.threads = threads_.value_or(0);
    const auto report =
        repository::check(session.repository(), options, session.progress(), session.stopping());
    write_json(session.console().json(), report);
    print(session.console(), report);
    if (report.tampered) return base::row_of(base::ErrorKind::tampered).exit_code;
    return report.clean() ? base::exit_done : base::row_of(base::ErrorKind::corrupt).exit_code;
  }

  std::string after_interruption() const override { return "the check was not finished"; }

private:
  void write_json(JsonWriter& json, const repository::CheckReport& report) const {
    json.field("clean", report.clean()).field("tampered", report.tampered);
    json.field("read_data", read_data_);
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
        read_data_
            ? fmt::format(", {} read and verified", base::format_byte_count(report.bytes_read))
            : ""));
    if (!report.left_out.empty()) console.line("not checked: " + report.left_out);
    if (report.unused_packs > 0) {
      console.line(fmt::format("{} left by interrupted runs: harmless",
                               counted(report.unused_packs, "pack", "packs")));
    }
    console.line(
        report.clean()
            ? console.green("no problems were found")
            : console.red(counted(report.problems.size(), "problem", "problems") + " found"));
  }

  bool read_data_ = false;
  std::optional<std::uint32_t> threads_;
};

}  // namespace

std::unique_ptr<Command> make_check_command() { return std::make_unique<CheckCommand>(); }

}  // namespace holdfast::cli
