#include "ftps_files.hpp"

#include "base/clock.hpp"
#include "base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t size_shown_max = 40;
constexpr std::size_t time_size = 14;  // "20261121221744"

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// What the server says of `path`, or a refusal.
net::FtpReply ask(FtpsClient& client, const std::string& command, const std::string& path,
                  const std::string& doing) {
  return client.run(doing, {command + " " + (path.empty() ? "/" : path)});
}

bool is_permanent(const net::FtpReply& reply) {
  return reply.code == 550 || reply.code == 553 || reply.code == 551;
}

/// Errors: as error_of, for a refusal that is no answer.
void require_answer(FtpsClient& client, const net::FtpReply& reply, const std::string& doing) {
  if (!reply.is_success() && !is_permanent(reply)) throw client.error_of(reply, doing);
}

/// Throws when `folder` is there and may not be entered: what is in it cannot be known.
void require_absent_folder(FtpsClient& client, const std::string& folder,
                           const std::string& doing) {
  if (folder.size() <= client.root().size()) return;
  const auto above = folder_of(folder);
  const auto entries = list_folder(client, above, doing);
  if (!entries) return require_absent_folder(client, above, doing);
  const auto name = folder.substr(above.size() + 1);
  const bool is_there = std::ranges::any_of(
      *entries, [&](const ListedEntry& entry) { return entry.name == name && entry.is_folder; });
  if (!is_there) return;
  throw Error(ErrorKind::access_denied, fmt::format("{} in {}: the folder {} cannot be entered",
                                                    doing, client.store(), base::printable(folder)))
      .set_hint("check what the user may do in that folder on the server");
}

bool knows_machine_listing(FtpsClient& client, const std::string& doing) {
  const auto reply = client.run(doing, {"FEAT"});
  return reply.is_success() && reply.text.find("\n MLS") != std::string::npos;
}

}  // namespace

std::optional<std::uint64_t> parse_size(const net::FtpReply& reply) {
  if (!reply.is_success()) return std::nullopt;
  const auto& text = reply.text;
  std::uint64_t size = 0;
  const auto [last, code] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (code == std::errc{} && last != text.data()) return size;
  throw Error(ErrorKind::corrupt, fmt::format("the server says '{}' where a size must be",
                                              base::printable(text.substr(0, size_shown_max))));
}

std::optional<std::uint64_t> size_of(FtpsClient& client, const std::string& path,
                                     const std::string& doing) {
  const auto reply = ask(client, "SIZE", path, doing);
  require_answer(client, reply, doing);
  return base::with_context([&] { return fmt::format("{} in {}", doing, client.store()); },
                            [&] { return parse_size(reply); });
}

std::optional<std::uint64_t> look_for(FtpsClient& client, const std::string& path,
                                      const std::string& doing) {
  if (const auto size = size_of(client, path, doing)) return size;
  const auto folder = folder_of(path);
  if (is_folder(client, folder, doing)) return std::nullopt;
  require_root(client);
  require_absent_folder(client, folder, doing);
  return std::nullopt;
}

bool is_folder(FtpsClient& client, const std::string& path, const std::string& doing) {
  const auto reply = ask(client, "CWD", path, doing);
  require_answer(client, reply, doing);
  return reply.is_success();
}

void require_root(FtpsClient& client) {
  if (is_folder(client, client.root(), "opening the folder")) return;
  throw Error(ErrorKind::not_found, fmt::format("the store {} is not there", client.store()))
      .set_layer(base::Layer::place)
      .set_hint("check the path as the login sees it, and whether the disk is mounted there");
}

void make_folders(FtpsClient& client, const std::string& path, const std::string& doing) {
  const auto reply = ask(client, "MKD", path, doing);
  if (reply.is_success() || is_folder(client, path, doing)) return;
  const auto above = folder_of(path);
  if (above.empty()) throw client.error_of(reply, doing);
  if (path.size() > client.root().size()) require_root(client);  // only who opens it makes that
  make_folders(client, above, doing);  // perhaps by another at this moment
  const auto again = ask(client, "MKD", path, doing);
  if (!again.is_success() && !is_folder(client, path, doing)) throw client.error_of(again, doing);
}

std::optional<std::vector<ListedEntry>> list_folder(FtpsClient& client, const std::string& path,
                                                    const std::string& doing) {
  // An absent folder looks empty at some servers.
  if (!is_folder(client, path, doing)) return std::nullopt;
  const auto how = client.listing([&] {
    return knows_machine_listing(client, doing) ? net::FtpListing::machines
                                                : net::FtpListing::plain;
  });
  base::Bytes text;
  const auto reply = client.use(doing, [&](net::FtpSession& session, int) {
    text.clear();
    return session.list(path, how, text, listing_size_max);
  });
  if (reply.code == 550 && !is_folder(client, path, doing)) return std::nullopt;
  if (!reply.is_success()) throw client.error_of(reply, doing);
  return base::with_context([&] { return fmt::format("{} in {}", doing, client.store()); },
                            [&] {
                              return how == net::FtpListing::machines ? parse_machine_listing(text)
                                                                      : parse_plain_listing(text);
                            });
}

bool try_to_move(FtpsClient& client, const std::string& from, const std::string& to,
                 const std::string& doing) {
  const auto reply = client.run(doing, {"RNFR " + from, "RNTO " + to});
  require_answer(client, reply, doing);
  return reply.is_success();
}

RemoveOutcome remove_file(FtpsClient& client, const std::string& path, const std::string& doing) {
  bool may_be_done = false;
  const auto reply = client.use(doing, [&](net::FtpSession& session, int failed) {
    may_be_done = failed > 0;
    return session.run({"DELE " + path});
  });
  require_answer(client, reply, doing);
  if (reply.is_success()) return RemoveOutcome::removed;
  if (look_for(client, path, doing)) throw client.error_of(reply, doing);
  // The reply of the attempt that removed it may have been lost.
  return may_be_done ? RemoveOutcome::removed : RemoveOutcome::was_absent;
}

bool try_to_remove_folder(FtpsClient& client, const std::string& path, const std::string& doing) {
  const auto reply = ask(client, "RMD", path, doing);
  require_answer(client, reply, doing);
  return reply.is_success();
}

std::optional<std::int64_t> modified_at(FtpsClient& client, const std::string& path,
                                        const std::string& doing) {
  const auto reply = ask(client, "MDTM", path, doing);
  const auto& text = reply.text;
  const bool is_time = reply.is_success() && text.size() >= time_size &&
                       text.find_first_not_of("0123456789") >= time_size;
  if (!is_time) return std::nullopt;
  try {
    return base::parse_time(fmt::format("{}-{}-{}T{}:{}:{}Z", text.substr(0, 4), text.substr(4, 2),
                                        text.substr(6, 2), text.substr(8, 2), text.substr(10, 2),
                                        text.substr(12, 2)))
        .seconds;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input) throw;
    return std::nullopt;
  }
}

void write_file(FtpsClient& client, const std::string& path, base::ByteView bytes,
                const std::string& doing) {
  const auto reply = client.use(
      doing, [&](net::FtpSession& session, int) { return session.send(path, 0, bytes); });
  if (!reply.is_success()) throw client.error_of(reply, doing);
}

}  // namespace holdfast::storage
