#include "base/units.hpp"
#include "browse/statistics.hpp"
#include "commands.hpp"
#include "text.hpp"

#include <fmt/format.h>

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
    const auto statistics = browse::measure(session.repository());
    write_json(session.console().json(), all, sites, statistics);
    print(session.console(), all, sites, statistics);
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
    json.field("stored_stream_bytes", statistics.stream_bytes).key("sites").begin_array();
    for (const auto& [name, totals] : sites) {
      json.begin_object().raw_field("site", name).field("snapshots", totals.snapshots);
      json.field("snapshot_bytes", totals.bytes).field("bytes_stored", totals.bytes_stored);
      json.field("newest_files", totals.newest_files);
      json.field("newest_bytes", totals.newest_bytes).end_object();
    }
    json.end_array();
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
    console.line(fmt::format("deduplication {}, compression {}", ratio(all.bytes, statistics.bytes),
                             ratio(statistics.bytes, statistics.stored_bytes())));
  }
};

}  // namespace

std::unique_ptr<Command> make_stats_command() { return std::make_unique<StatsCommand>(); }

}  // namespace holdfast::cli
