#include "base/base64.hpp"
#include "base/clock.hpp"
#include "base/units.hpp"
#include "epochs.hpp"
#include "repository/repository.hpp"
#include "slot_names.hpp"

#include <fmt/format.h>

namespace holdfast::repository {

namespace {

constexpr std::size_t line_length = 64;

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

std::string command_for(const std::string& location, const std::string& object,
                        base::ByteView bytes) {
  return fmt::format("  base64 -d > {}/{} <<'END'\n{}END\n", base::printable(location), object,
                     in_lines(base::to_base64(bytes)));
}

/// Commands that put the slot and the epochs back.
std::string key_commands(Repository& repository, const SlotInfo& slot,
                         const std::string& location) {
  auto& backend = repository.backend();
  const auto slot_name = std::string(slot_prefix) + slot.id;
  auto text = command_for(location, slot_name, storage::get(backend, slot_name, slot_size_max));
  const auto stored = load_epochs(backend, list_epoch_copies(backend), repository.id(),
                                  repository.keys().owner_signing_key);
  for (const auto& record : stored.records) {
    const auto name = epoch_names(record.number).front();
    if (backend.stat(name)) {
      text += command_for(location, name, storage::get(backend, name, epoch_object_size_max));
    }
  }
  return text;
}

}  // namespace

std::string recovery_sheet(Repository& repository, const SlotInfo& slot,
                           const std::string& location) {
  const base::WallTime created{repository.format().created_seconds, 0};
  const bool passphrase = slot.kind == SlotKind::passphrase;
  return fmt::format(
      "HOLDFAST RECOVERY SHEET\n"
      "\n"
      "Print this page and keep it away from the machine that is backed up. Whoever has it\n"
      "still needs the {0}, which is not on it: keep that in another place.\n"
      "\n"
      "repository   {1}\n"
      "location     {2}\n"
      "created      {3}\n"
      "owner key    {4}\n"
      "key slot     {5}, {6}\n"
      "format       version {7}, described in docs/format/repository.md\n"
      "\n"
      "To restore everything on any machine with holdfast and the {0}:\n"
      "\n"
      "  holdfast snapshots --repo {2}\n"
      "  holdfast restore latest --repo {2} --to /somewhere/empty\n"
      "\n"
      "If the folders keys/ and epochs/ of the repository were lost, put this back. After\n"
      "'holdfast key rotate', '... remove' or '... passwd' print a new sheet: key export.\n"
      "\n"
      "{8}",
      passphrase ? "passphrase" : "key", repository.id().hex(), base::printable(location),
      created.to_iso(), fingerprint_of(repository.format().owner_signing_key), name_of(slot.role()),
      base::printable(slot.label), repository.format().version,
      key_commands(repository, slot, location));
}

}  // namespace holdfast::repository
