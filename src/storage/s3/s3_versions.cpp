#include "s3_versions.hpp"

#include "base/error.hpp"
#include "s3_lists.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <ranges>
#include <string_view>

namespace holdfast::storage {

namespace {

/// When it is not known how long an object is locked (a legal hold), it is tried again after that.
constexpr std::int64_t unknown_lock_seconds = 24L * 3600;
constexpr const char* cleaning_doing = "destroying what was removed while it was locked";

std::string notes_prefix(const S3Client& client) { return hidden_key(client, "removed/"); }

/// Of what is locked, or without the right. MinIO calls it a request that is not valid.
bool is_refusal(const net::HttpResponse& response) {
  const auto code = s3_code(response);
  return (response.status == 403 && code == "AccessDenied") ||
         (response.status == 400 && code == "InvalidRequest");
}

/// "<until>.<size>/<name>", behind the prefix.
std::string note_key(const S3Client& client, const HeldObject& held) {
  return fmt::format("{}{}.{}/{}", notes_prefix(client), held.until.seconds, held.size, held.name);
}

/// Nothing for what is no note.
std::optional<HeldObject> parse_note(std::string_view text) {
  const auto slash = text.find('/');
  const auto dot = text.substr(0, slash).find('.');
  if (slash == text.npos || dot == text.npos) return std::nullopt;
  HeldObject held{std::string(text.substr(slash + 1)), 0, {}};
  const auto take = [&](std::string_view digits, auto& number) {
    const auto* const end = digits.data() + digits.size();
    const auto [last, code] = std::from_chars(digits.data(), end, number);
    return !digits.empty() && code == std::errc{} && last == end;
  };
  if (!take(text.substr(0, dot), held.until.seconds)) return std::nullopt;
  if (!take(text.substr(dot + 1, slash - dot - 1), held.size)) return std::nullopt;
  if (!is_object_name(held.name)) return std::nullopt;
  return held;
}

}  // namespace

std::size_t count_markers(const Versions& versions) {
  const auto real = std::ranges::find(versions, false, &ListedVersion::is_marker);
  return static_cast<std::size_t>(real - versions.begin());
}

Versions S3Versions::of(const std::string& key) {
  Versions found;
  list_s3_versions(client_, key, [&](const std::string& listed, const Versions& versions) {
    if (listed == key) found = versions;
    return false;  // the key itself comes before those that begin with it
  });
  return found;
}

bool S3Versions::destroy(const std::string& key, const std::string& version) {
  const auto response = client_.send(
      {.doing = "destroying a version",
       .method = "DELETE",
       .key = key,
       .query = {{"versionId", version}}},
      [](const net::HttpResponse& reply) { return reply.status == 404 || is_refusal(reply); });
  return response.status == 404 || !is_refusal(response);
}

void S3Versions::hide(const std::string& key, const std::string& name) {
  client_.send({.doing = "removing " + name, .method = "DELETE", .key = key},
               [](const net::HttpResponse& response) { return response.status == 404; });
}

RemoveOutcome S3Versions::remove(const std::string& key, const std::string& name,
                                 const StoredObject& there) {
  const auto now = client_.now();
  HeldObject held{name, 0, there.is_on_hold ? now : there.locked_until.value_or(base::WallTime{})};
  if (there.is_on_hold) held.until.seconds += unknown_lock_seconds;
  const auto versions = of(key);
  bool all_gone = true;
  // The oldest first: what is seen last is what is seen now.
  for (const auto& version : versions | std::views::reverse) {
    if (version.is_marker) continue;
    const bool is_locked = held.until > now && version.version == there.version;
    if (!is_locked && destroy(key, version.version)) continue;
    all_gone = false;
    held.size += version.size;
  }
  if (!all_gone) {
    const bool is_locked = held.until > now;
    // Without a lock it is only the right that is missing: rules of the bucket do the rest.
    if (is_locked) note_held(name, held);
    hide(key, name);
    return is_locked ? RemoveOutcome::held : RemoveOutcome::removed;
  }
  for (const auto& version : versions) {
    if (version.is_marker) destroy(key, version.version);
  }
  return RemoveOutcome::removed;
}

void S3Versions::note_held(const std::string& name, const HeldObject& held) {
  client_.send({.doing = "removing " + name, .method = "PUT", .key = note_key(client_, held)});
}

std::vector<HeldObject> S3Versions::held() {
  std::vector<HeldObject> found;
  const auto prefix = notes_prefix(client_);
  list_s3_objects(client_, prefix, [&](const ListedObject& note) {
    auto held = parse_note(std::string_view(note.key).substr(prefix.size()));
    if (held) found.push_back(std::move(*held));
  });
  return found;
}

/// What lies below a mark. What lies above was made since, under the same name.
bool S3Versions::destroy_hidden(const std::string& key) {
  bool all_gone = true;
  bool is_hidden = false;
  Versions markers;
  for (const auto& version : of(key)) {
    if (version.is_marker) {
      is_hidden = true;
      markers.push_back(version);
    } else if (is_hidden) {
      all_gone = destroy(key, version.version) && all_gone;
    }
  }
  for (const auto& marker : markers) {
    if (all_gone) destroy(key, marker.version);
  }
  return all_gone;
}

std::size_t S3Versions::remove_unlocked() {
  std::size_t removed = 0;
  const auto now = client_.now();
  for (const auto& held : held()) {
    if (held.until >= now || !destroy_hidden(client_.place().prefix + held.name)) continue;
    const auto note = note_key(client_, held);
    for (const auto& version : of(note))
      destroy(note, version.version);
    ++removed;
  }
  return removed;
}

}  // namespace holdfast::storage
