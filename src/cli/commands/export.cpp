#include "archive/export.hpp"

#include "base/durable_file.hpp"
#include "base/error.hpp"
#include "base/units.hpp"
#include "browse/path_lookup.hpp"
#include "cli/source_plan.hpp"
#include "commands.hpp"
#include "sealing.hpp"
#include "text.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <sys/stat.h>

namespace holdfast::cli {

namespace {

using archive::Format;
using base::Error;
using base::ErrorKind;

constexpr std::size_t left_out_shown = 20;

struct FormatName {
  std::string_view name;
  Format format;
};
constexpr std::array format_names = {FormatName{"tar", Format::tar},
                                     FormatName{"tar.zst", Format::tar_zst},
                                     FormatName{"zip", Format::zip}};

/// By the end of a file name, that of a sealed one aside.
Format format_of_name(std::string_view name) {
  for (const std::string_view sealed : {".gpg", ".pgp", ".age"})
    if (name.ends_with(sealed)) name.remove_suffix(sealed.size());
  for (const auto& row : format_names)
    if (name.ends_with("." + std::string(row.name))) return row.format;
  return name.ends_with(".tzst") ? Format::tar_zst : Format::tar;
}

class ExportCommand final : public Command {
public:
  std::string name() const override { return "export"; }
  bool only_reads() const override { return true; }
  std::string summary() const override { return "Write a snapshot as an archive: tar or zip"; }
  std::string examples() const override {
    return "  holdfast export latest -o blog.tar.zst\n"
           "  holdfast export blog:/srv/blog/uploads --format zip -o uploads.zip\n"
           "  holdfast export latest -o - | ssh other tar -x -C /srv\n"
           "  holdfast export latest -o blog.tar.zst.gpg --gpg archive@example.org\n"
           "  holdfast export latest -o blog.zip.age --age age1qy...\n";
  }

  void declare(Arguments& arguments) override {
    arguments.positional("SNAPSHOT", target_,
                         "id or prefix, latest, a site, SITE@TIME; with :/SUB its contents only",
                         Completes::snapshots);
    arguments.option("-o,--output", "FILE", output_,
                     "the file, or - for standard output (default when that is a pipe)",
                     Completes::files);
    arguments.option("--format", "FORMAT", format_,
                     "tar, tar.zst or zip (default: as the file is called, else tar)");
    arguments.flag("--overwrite", overwrite_, "replace the file when it is there");
    arguments.group("Sealed");
    arguments.option("--gpg", "KEY", recipients_.gpg,
                     "for this key of the key ring, with gpg; repeatable");
    arguments.option("--age", "RECIPIENT", recipients_.age,
                     "for this recipient or a file of them, with age; repeatable");
    arguments.group("");
  }

  int run(Session& session) override {
    const bool to_pipe = goes_to_pipe();
    check_options(session, to_pipe);
    std::vector<std::string> command;
    if (recipients_.any()) command = sealing_command(recipients_);
    const auto [name, sub] = browse::split_target(target_);
    const auto& snapshot = session.snapshot(name);
    session.repository_to_read().index();  // before anything is written

    std::optional<base::DurableFile> file;
    if (!to_pipe) file.emplace(path(session), 0600);
    std::uint64_t written = 0;
    const auto report = produce(session, snapshot, sub, command, [&](base::ByteView bytes) {
      if (file)
        file->append(bytes);
      else
        write_output(bytes);
      written += bytes.size();
    });
    if (file) keep(session, *file);
    tell(session.console(), snapshot, report, written, to_pipe);
    return base::exit_done;
  }

  std::string after_interruption() const override { return "no archive was written"; }

private:
  bool goes_to_pipe() const { return !output_ || *output_ == "-"; }

  std::string path(Session& session) const {
    return absolute_path(*output_, session.environment().working_directory);
  }

  Format format() const {
    if (!format_) return output_ ? format_of_name(*output_) : Format::tar;
    for (const auto& row : format_names)
      if (row.name == *format_) return row.format;
    throw Error(ErrorKind::invalid_input,
                fmt::format("there is no format '{}'", base::printable(*format_)))
        .set_hint("formats: tar, tar.zst, zip");
  }

  std::string_view format_name() const {
    for (const auto& row : format_names)
      if (row.format == format()) return row.name;
    return "";
  }

  void check_options(Session& session, bool to_pipe) const {
    static_cast<void>(format());
    if (to_pipe && ::isatty(STDOUT_FILENO) == 1) {
      throw Error(ErrorKind::invalid_input, "an archive is not written to a terminal")
          .set_hint("name a file with --output, or pipe it into a program");
    }
    if (to_pipe && session.console().json_wanted()) {
      throw Error(ErrorKind::invalid_input, "--json and an archive on standard output mix")
          .set_hint("name a file with --output");
    }
    struct stat status{};
    if (!to_pipe && !overwrite_ && ::lstat(path(session).c_str(), &status) == 0) {
      throw already_there(session);
    }
  }

  Error already_there(Session& session) const {
    return Error(ErrorKind::already_exists,
                 fmt::format("there is a {} already", base::printable(path(session))))
        .set_hint("choose another name, or replace it with --overwrite");
  }

  archive::ExportReport produce(Session& session, const repository::Snapshot& snapshot,
                                const std::string& sub, const std::vector<std::string>& command,
                                const ByteSink& output) const {
    archive::ExportReport report;
    const auto write_archive = [&](const ByteSink& sink) {
      report = archive::export_snapshot(session.repository(), snapshot, {format(), sub}, sink,
                                        session.progress(), session.stopping());
    };
    if (command.empty())
      write_archive(output);
    else
      seal(session.services(), command, write_archive, output, session.stopping());
    return report;
  }

  void keep(Session& session, base::DurableFile& file) const {
    using Existing = base::DurableFile::Existing;
    const auto outcome = file.commit(overwrite_ ? Existing::replace : Existing::keep);
    if (outcome == base::DurableFile::Outcome::already_there) throw already_there(session);
  }

  void tell(Console& console, const repository::Snapshot& snapshot,
            const archive::ExportReport& report, std::uint64_t written, bool to_pipe) const {
    auto& json = console.json();
    json.field("snapshot", std::string_view(snapshot.id.hex())).field("format", format_name());
    if (!to_pipe) json.raw_field("output", *output_);
    json.field("sealed_with", !recipients_.any() ? "" : recipients_.gpg.empty() ? "age" : "gpg");
    json.field("files", report.files).field("directories", report.directories);
    json.field("other", report.other).field("bytes", report.bytes);
    json.field("bytes_written", written).field("left_out_count", report.left_out_count);
    json.key("left_out").begin_array();
    for (const auto& one : report.left_out) {
      json.begin_object().raw_field("path", one.path).field("why", std::string_view(one.why));
      json.end_object();
    }
    json.end_array();
    const auto text =
        fmt::format("{} of {} exported: {} and {}, {}; {} written", snapshot.id.short_hex(),
                    base::printable(snapshot.site), counted(report.files, "file", "files"),
                    counted(report.directories, "directory", "directories"),
                    base::format_byte_count(report.bytes), base::format_byte_count(written));
    if (to_pipe)
      console.note(text);
    else
      console.line(text);
    warn_of_left_out(console, report);
  }

  static void warn_of_left_out(Console& console, const archive::ExportReport& report) {
    const auto shown = std::min(report.left_out.size(), left_out_shown);
    for (std::size_t i = 0; i < shown; ++i) {
      const auto& one = report.left_out[i];
      console.warn(fmt::format("left out: {}: {}", base::printable(one.path), one.why));
    }
    if (report.left_out_count > shown) {
      console.warn(
          fmt::format("left out: {} more: --json lists them", report.left_out_count - shown));
    }
  }

  std::string target_;
  std::optional<std::string> output_;
  std::optional<std::string> format_;
  Recipients recipients_;
  bool overwrite_ = false;
};

}  // namespace

std::unique_ptr<Command> make_export_command() { return std::make_unique<ExportCommand>(); }

}  // namespace holdfast::cli
