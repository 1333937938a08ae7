#include "base/units.hpp"
#include "browse/statistics.hpp"
#include "commands.hpp"
#include "repository/read_ledger.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace holdfast::cli {

namespace {

/// The snapshots of one site together.
struct SiteTotals {
  std::uint64_t snapshots = 0;
  std::uint64_t bytes = 0;         // as if each snapshot were a plain copy
  std::uint64_t bytes_stored = 0;  // what its runs added
  std::uint64_t newest_files = 0;
  std::uint64_t newest_bytes = 0;
};

class StatsCommand final : public Command {
public:
  std::string name() const override { return "stats"; }
  bool only_reads() const override { return true; }
  std::string summary() const override { return "Show what the repository holds and costs"; }
  std::string examples() const override { return "  holdfast stats\n"; }
  void declare(Arguments&) override {}

  int run(Session& session) override {
    std::map<std::string, SiteTotals> sites;
    SiteTotals all;
    for (const auto& snapshot : session.snapshots()) {
      for (auto* totals : {&sites[snapshot.site], &all}) {
        ++totals->snapshots;
        totals->bytes += snapshot.statistics.bytes;
        totals->bytes_stored += snapshot.statistics.bytes_stored;
        totals->newest_files = snapshot.statistics.files;
        totals->newest_bytes = snapshot.statistics.bytes;
      }
    }
    auto& repository = session.repository();
    const auto statistics = browse::measure(repository);
    write_json(session.console().json(), all, sites, statistics);
    print(session.console(), all, sites, statistics);
    show_parity(session.console(), repository.format().parity_percent);
    show_readings(session.console(), repository);
    return session.saw_damage() ? base::exit_partial : base::exit_done;
  }

private:
  static void write_json(JsonWriter& json, const SiteTotals& all,
                         const std::map<std::string, SiteTotals>& sites,
                         const browse::RepositoryStatistics& statistics) {
    json.field("snapshots", all.snapshots).field("snapshot_bytes", all.bytes);
    json.field("packs", statistics.packs).field("chunks", statistics.chunks);
    json.field("chunk_bytes", statistics.bytes).field("stored_bytes", statistics.stored_bytes());
    json.field("stored_data_bytes", statistics.data_bytes);
    json.field("stored_tree_bytes", statistics.tree_bytes);
    json.field("packs_elsewhere", statistics.away_packs);
    json.field("bytes_elsewhere", statistics.away_bytes);
    json.field("stored_stream_bytes", statistics.stream_bytes).key("sites").begin_array();
    for (const auto& [name, totals] : sites) {
      json.begin_object().raw_field("site", name).field("snapshots", totals.snapshots);
      json.field("snapshot_bytes", totals.bytes).field("bytes_stored", totals.bytes_stored);
      json.field("newest_files", totals.newest_files);
      json.field("newest_bytes", totals.newest_bytes).end_object();
    }
    json.end_array();
  }

  static void show_parity(Console& console, std::uint32_t percent) {
    console.json().field("parity_percent", percent);
    console.line(percent == 0 ? std::string("no parity: what gets lost in a pack is gone")
                              : fmt::format("parity {} %", percent));
  }

  /// When what is stored was last read and verified.
  static void show_readings(Console& console, repository::Repository& repository) {
    using repository::ReadLevel;
    const auto ledger = repository::load_read_ledger(repository).ledger;
    const auto packs = repository.index().packs();
    const auto contents = repository::summarize_readings(ledger, packs, ReadLevel::contents);
    const auto checksums = repository::summarize_readings(ledger, packs, ReadLevel::checksums);
    auto& json = console.json();
    json.key("readings");
    write_json(json, contents);
    json.key("checksum_readings");
    write_json(json, checksums);
    console.line("verified: " + describe(contents));
    const bool more = checksums.never_bytes != contents.never_bytes ||
                      checksums.bytes_90_days != contents.bytes_90_days ||
                      checksums.bytes_7_days != contents.bytes_7_days;
    if (more) console.line("at least the checksums: " + describe(checksums));
    if (contents.damaged_packs != 0) {
      console.line(console.red(fmt::format(
          "{} damaged when last read", counted(contents.damaged_packs, "pack was", "packs were"))));
    }
  }

  static void write_json(JsonWriter& json, const repository::ReadingSummary& summary) {
    json.begin_object().field("packs", summary.packs).field("bytes", summary.bytes);
    json.field("bytes_7_days", summary.bytes_7_days).field("bytes_30_days", summary.bytes_30_days);
    json.field("bytes_90_days", summary.bytes_90_days);
    json.field("never_packs", summary.never_packs).field("never_bytes", summary.never_bytes);
    json.field("damaged_packs", summary.damaged_packs);
    json.key("oldest");
    if (summary.oldest_seconds) {
      const base::WallTime oldest{*summary.oldest_seconds, 0};
      json.value(oldest.to_iso(base::WallTime::Precision::exact));
    } else {
      json.null();
    }
    json.end_object();
  }

  static std::string describe(const repository::ReadingSummary& summary) {
    if (summary.packs == 0) return "there is nothing to verify";
    if (summary.never_packs == summary.packs) return "never (holdfast check --read-data)";
    const auto share = [&](std::uint64_t bytes) {
      return fmt::format("{:.0f} %",
                         100.0 * static_cast<double>(bytes) /
                             static_cast<double>(std::max<std::uint64_t>(summary.bytes, 1)));
    };
    auto text =
        fmt::format("{} within 7 days, {} within 30, {} within 90", share(summary.bytes_7_days),
                    share(summary.bytes_30_days), share(summary.bytes_90_days));
    text += ", the oldest " + local_time({*summary.oldest_seconds, 0});
    if (summary.never_packs != 0) {
      text += fmt::format("; never {} of {}", counted(summary.never_packs, "pack", "packs"),
                          base::format_byte_count(summary.never_bytes));
    }
    return text;
  }

  static std::string ratio(std::uint64_t large, std::uint64_t small) {
    if (small == 0) return "-";
    return fmt::format("{:.1f} to 1", static_cast<double>(large) / static_cast<double>(small));
  }

  static void print(Console& console, const SiteTotals& all,
                    const std::map<std::string, SiteTotals>& sites,
                    const browse::RepositoryStatistics& statistics) {
    using enum Table::Align;
    Table table({left, right, right, right, right});
    table.add({"SITE", "SNAPSHOTS", "FILES NOW", "SIZE NOW", "STORED"});
    for (const auto& [name, totals] : sites) {
      table.add({base::printable(name), with_thousands(totals.snapshots),
                 with_thousands(totals.newest_files), base::format_byte_count(totals.newest_bytes),
                 base::format_byte_count(totals.bytes_stored)});
    }
    for (const auto& line : table.lines())
      console.line(line);
    console.line("");
    console.line(fmt::format(
        "{} of {} in {} of {}, {} stored", counted(all.snapshots, "snapshot", "snapshots"),
        base::format_byte_count(all.bytes), counted(statistics.packs, "pack", "packs"),
        counted(statistics.chunks, "chunk", "chunks"),
        base::format_byte_count(statistics.stored_bytes())));
    if (statistics.away_packs > 0) {
      console.line(fmt::format("of these {} of {} are kept in other stores only",
                               counted(statistics.away_packs, "pack", "packs"),
                               base::format_byte_count(statistics.away_bytes)));
    }
    console.line(fmt::format("deduplication {}, compression {}", ratio(all.bytes, statistics.bytes),
                             ratio(statistics.bytes, statistics.stored_bytes())));
  }
};

}  // namespace

std::unique_ptr<Command> make_stats_command() { return std::make_unique<StatsCommand>(); }

}  // namespace holdfast::cli
