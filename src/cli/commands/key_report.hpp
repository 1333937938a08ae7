#pragma once

#include "console.hpp"
#include "repository/key_ring.hpp"

#include <optional>
#include <string>

namespace holdfast::cli {

/// "id", "role", "kind", "label", "created" and what else there is, into the open object.
void write_slot_fields(JsonWriter& json, const repository::SlotInfo& info);
/// "a passphrase", "3 of 5 shares".
std::string opener_of(const repository::SlotInfo& info);
void report_rotation(Console& console, const repository::Rotation& rotation);
crypto::PassphraseCost cost_with(const std::optional<std::uint64_t>& memory_bytes);

}  // namespace holdfast::cli
