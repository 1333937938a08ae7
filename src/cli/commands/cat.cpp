#include "base/error.hpp"
#include "base/task_group.hpp"
#include "base/units.hpp"
#include "browse/content.hpp"
#include "browse/listing.hpp"
#include "browse/path_lookup.hpp"
#include "commands.hpp"
#include "json_values.hpp"

#include <fmt/format.h>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

/// A JSON string of more than this helps nobody.
constexpr std::uint64_t json_size_max = 64 * base::mib;

class CatCommand final : public Command {
public:
  std::string name() const override { return "cat"; }
  bool only_reads() const override { return true; }
  std::string summary() const override { return "Print a file of a snapshot"; }
  std::string examples() const override {
    return "  holdfast cat latest:/srv/blog/.env\n"
           "  holdfast cat shop:/shop.sql | psql shop\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positional("SNAPSHOT:/FILE", target_, "id or prefix, latest, a site, SITE@TIME",
                         Completes::snapshots);
  }

  int run(Session& session) override {
    const auto [name, path] = browse::split_target(target_);
    if (path.empty()) {
      throw Error(ErrorKind::invalid_input, "no file was named")
          .set_hint("write SNAPSHOT:/path/of/the/file");
    }
    const auto& snapshot = session.snapshot(name);
    const browse::SnapshotView view(snapshot);
    auto& chunks = session.repository_to_read().chunks();
    const auto place = browse::locate(view, path, chunks);
    const auto& entry = place.node.entry;
    if (entry.kind != sources::EntryKind::file) {
      throw Error(ErrorKind::invalid_input,
                  fmt::format("{} is a {}, not a file", base::printable(path),
                              sources::name_of(entry.kind)));
    }
    auto& console = session.console();
    const bool json = console.json_wanted();
    if (json && entry.size > json_size_max) {
      throw Error(ErrorKind::invalid_input,
                  fmt::format("{} is too large for JSON", base::printable(path)));
    }
    std::string gathered;
    browse::read_content(place.node, chunks, [&](base::ByteView bytes) {
      base::check_cancelled(session.stopping());
      if (json)
        gathered += base::as_text(bytes);
      else
        console.raw(bytes);
    });
    console.json().field("snapshot", std::string_view(snapshot.id.hex()));
    console.json().key("entry").begin_object();
    write_entry_fields(console.json(), path, entry);
    console.json().end_object().raw_field("content", gathered);
    return base::exit_done;
  }

private:
  std::string target_;
};

}  // namespace

std::unique_ptr<Command> make_cat_command() { return std::make_unique<CatCommand>(); }

}  // namespace holdfast::cli
