#include "sealing.hpp"

#include "base/child_process.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/task_group.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>

namespace holdfast::cli {

namespace {

using base::Error;
using base::ErrorKind;

constexpr std::size_t piece_size = 64 * 1024;
constexpr std::size_t fingerprint_digits = 40;

/// A name or an address may be anybody's; a whole fingerprint is one key and no other.
bool is_fingerprint(std::string_view key) {
  if (key.starts_with("0x")) key.remove_prefix(2);
  return key.size() == fingerprint_digits &&
         key.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

std::vector<std::string> gpg_command(const std::vector<std::string>& keys) {
  std::vector<std::string> command = {"gpg", "--batch", "--no-tty", "--compress-algo", "none"};
  if (std::ranges::all_of(keys, is_fingerprint)) {
    command.insert(command.end(), {"--trust-model", "always"});
  }
  for (const auto& key : keys)
    command.insert(command.end(), {"--recipient", key});
  command.push_back("--encrypt");
  return command;
}

std::vector<std::string> age_command(const std::vector<std::string>& recipients) {
  std::vector<std::string> command = {"age", "--encrypt"};
  for (const auto& recipient : recipients) {
    const bool is_key = recipient.starts_with("age1") || recipient.starts_with("ssh-");
    command.insert(command.end(), {is_key ? "--recipient" : "--recipients-file", recipient});
  }
  return command;
}

/// The failure of the sealing program is no failure of a source, which is what its kind would say.
Error sealing_failed(const std::string& program, const Error& why) {
  Error error(ErrorKind::io, fmt::format("sealing with {}: {}", program, why.what()));
  if (!why.hint().empty()) error.set_hint(why.hint());
  return error;
}

void pump(sources::StreamSource& from, const std::string& program, const ByteSink& output,
          const std::stop_token& stopping) {
  base::Bytes piece(piece_size);
  while (const auto got = from.read(piece, stopping))
    output(base::ByteView(piece).first(got));
  try {
    from.finish();
  } catch (const Error& error) {
    throw sealing_failed(program, error);
  }
}

}  // namespace

std::vector<std::string> sealing_command(const Recipients& recipients) {
  if (recipients.gpg.empty() == recipients.age.empty()) {
    throw Error(ErrorKind::invalid_input, "an export is sealed with one program")
        .set_hint("use either --gpg or --age");
  }
  return recipients.gpg.empty() ? age_command(recipients.age) : gpg_command(recipients.gpg);
}

void seal(Services& services, const std::vector<std::string>& command,
          const std::function<void(const ByteSink&)>& produce, const ByteSink& output,
          const std::stop_token& stopping) {
  const auto& name = command.front();
  auto [read_end, write_end] = base::make_pipe();
  std::unique_ptr<sources::StreamSource> program;
  try {
    program = services.open_command(command, "/" + name, std::move(read_end));
  } catch (const Error& error) {
    throw sealing_failed(name, error);
  }
  base::TaskGroup group(stopping);
  group.spawn([&](const std::stop_token& token) {
    // Dropped with a failure, so that the program ends and nobody waits to write to it.
    const auto owned = std::move(program);
    pump(*owned, name, output, token);
  });
  bool refused = false;  // the program takes no more
  try {
    produce([&](base::ByteView bytes) {
      refused = true;
      base::write_all(write_end.get(), bytes, "the input of " + name);
      refused = false;
    });
  } catch (const std::exception&) {
    const auto failure = std::current_exception();
    // An end of its input would make the program finish what is not whole: it is ended instead.
    if (!refused) group.request_stop();
    try {
      group.join();  // says why the program went away, if it did
    } catch (const base::Cancelled&) {
      std::rethrow_exception(failure);
    }
    std::rethrow_exception(failure);
  }
  write_end.reset();
  group.join();
}

}  // namespace holdfast::cli
