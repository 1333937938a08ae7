#include "key_report.hpp"

#include "base/clock.hpp"
#include "base/units.hpp"
#include "text.hpp"

#include <fmt/format.h>

namespace holdfast::cli {

void write_slot_fields(JsonWriter& json, const repository::SlotInfo& info) {
  json.field("id", std::string_view(info.id)).field("role", name_of(info.role()));
  json.field("kind", name_of(info.kind)).raw_field("label", info.label);
  json.field("created", std::string_view(base::WallTime{info.created_seconds, 0}.to_iso()));
  if (info.kind == repository::SlotKind::recipient) {
    json.field("public_key", std::string_view(repository::public_key_text(info.recipient)));
  }
  if (info.kind == repository::SlotKind::shares) {
    json.field("shares", std::uint64_t{info.shares});
    json.field("threshold", std::uint64_t{info.threshold});
  }
}

std::string opener_of(const repository::SlotInfo& info) {
  switch (info.kind) {
    case repository::SlotKind::passphrase:
      return "passphrase";
    case repository::SlotKind::recipient:
      return "key file of " + repository::public_key_text(info.recipient).substr(0, 14);
    case repository::SlotKind::shares:
      return fmt::format("{} of {} shares", info.threshold, info.shares);
  }
  return "unknown";
}

void report_rotation(Console& console, const repository::Rotation& rotation) {
  auto& json = console.json();
  json.field("epoch", std::uint64_t{rotation.epoch});
  json.field("granted", std::uint64_t{rotation.granted}).key("left_out").begin_array();
  for (const auto& id : rotation.left_out)
    json.value(std::string_view(id));
  json.end_array();
  console.line(fmt::format("Epoch {} began: {} can read what is backed up from now on",
                           rotation.epoch, counted(rotation.granted, "key", "keys")));
  for (const auto& id : rotation.left_out) {
    console.warn(fmt::format("key {} is damaged or was not made by the owner, and got nothing",
                             base::printable(id)));
  }
}

crypto::PassphraseCost cost_with(const std::optional<std::uint64_t>& memory_bytes) {
  auto cost = repository::default_passphrase_cost;
  if (memory_bytes) cost.memory_bytes = *memory_bytes;
  return cost;
}

}  // namespace holdfast::cli
