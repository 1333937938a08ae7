#include "base/clock.hpp"
#include "base/units.hpp"
#include "repository/repository.hpp"
#include "slot_names.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace holdfast::repository {

namespace {

constexpr std::size_t line_length = 64;

/// RFC 4648, so that `base64 -d` of any system reads it.
std::string to_base64(base::ByteView bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto group = bytes.subspan(at, std::min<std::size_t>(3, bytes.size() - at));
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      value = value << 8 | (i < group.size() ? static_cast<std::uint32_t>(group[i]) : 0);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= group.size() ? digits[value >> (18 - 6 * i) & 63] : '=';
    }
  }
  return text;
}

std::string in_lines(const std::string& text) {
  std::string lines;
  for (std::size_t at = 0; at < text.size(); at += line_length) {
    lines += text.substr(at, line_length) + "\n";
  }
  return lines;
}

/// "1a2b 3c4d ...": sixteen digits in groups that can be compared by eye.
std::string fingerprint_of(const crypto::PublicKey& key) {
  const auto hex = base::to_hex(base::ByteView(key).first(16));
  std::string text;
  for (std::size_t at = 0; at < hex.size(); at += 4) {
    text += (at == 0 ? "" : " ") + hex.substr(at, 4);
  }
  return text;
}

}  // namespace

std::string recovery_sheet(Repository& repository, const std::string& location) {
  const auto slot_name = std::string(slot_prefix) + repository.slot().id;
  const auto slot = storage::get(repository.backend(), slot_name, slot_size_max);
  const base::WallTime created{repository.format().created_seconds, 0};
  return fmt::format(
      "HOLDFAST RECOVERY SHEET\n"
      "\n"
      "Print this page and keep it away from the machine that is backed up. Whoever has it\n"
      "still needs the passphrase, which is not on it: keep that in another place.\n"
      "\n"
      "repository   {}\n"
      "location     {}\n"
      "created      {}\n"
      "owner key    {}\n"
      "format       version {}, described in docs/format/repository.md\n"
      "\n"
      "To restore everything on any machine with holdfast and the passphrase:\n"
      "\n"
      "  holdfast snapshots --repo {}\n"
      "  holdfast restore latest --repo {} --to /somewhere/empty\n"
      "\n"
      "If the folder keys/ of the repository was lost, this is its key slot. Put it back with\n"
      "\n"
      "  base64 -d > {}/{} <<'END'\n"
      "{}"
      "END\n",
      repository.id().hex(), base::printable(location), created.to_iso(),
      fingerprint_of(repository.format().owner_signing_key), repository.format().version,
      base::printable(location), base::printable(location), base::printable(location), slot_name,
      in_lines(to_base64(slot)));
}

}  // namespace holdfast::repository
