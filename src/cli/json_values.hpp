#pragma once

#include "json.hpp"
#include "repository/snapshot.hpp"

#include <string>
#include <string_view>

namespace holdfast::cli {

/// A snapshot as one object; docs/json.md describes it.
void write_snapshot(JsonWriter& json, const repository::Snapshot& snapshot);
/// The fields of an entry, into the open object.
void write_entry_fields(JsonWriter& json, std::string_view path, const sources::Entry& entry);
/// "problems": a list of what could not be taken.
void write_problems(JsonWriter& json, const std::vector<sources::ItemProblem>& problems);

/// "-rwxr-x---" and the like.
std::string mode_text(const sources::Entry& entry);
/// User or group: the name, or the number where there is none.
std::string owner_text(const std::string& name, std::uint32_t id);

}  // namespace holdfast::cli
