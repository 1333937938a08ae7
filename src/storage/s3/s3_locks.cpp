#include "s3_locks.hpp"

#include "base/error.hpp"
#include "s3_lists.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

/// A new object is locked for the period and a quarter of it: its lock is prolonged once in so
/// long.
constexpr std::int64_t slack_part = 4;
constexpr const char* probe_name = "lock-probe";
constexpr const char* probe_doing = "trying whether objects can be locked";
constexpr std::int64_t probe_lock_seconds = 24L * 3600;
constexpr std::int64_t probe_rest_seconds = 60;  // of its lock, or it is made anew

bool is_refusal_of_locks(const net::HttpResponse& response) {
  return response.status == 400 || response.status == 501 || s3_code(response) == "NotImplemented";
}

}  // namespace

const char* S3Locks::mode() const {
  return client_.options().lock.mode == S3Options::Lock::Mode::governance ? "GOVERNANCE"
                                                                          : "COMPLIANCE";
}

bool S3Locks::is_kept(const std::string& name) const {
  return !client_.options().is_kept || client_.options().is_kept(name);
}

bool S3Locks::wants(const std::string& name) const {
  return client_.options().lock.period_seconds > 0 && is_kept(name);
}

bool S3Locks::locks_by_object() const {
  return client_.options().lock.period_seconds > 0 && !client_.dialect().has_bucket_worm;
}

std::string S3Locks::identity() const {
  const auto& place = client_.place();
  return fmt::format("{}/{}/{} {}", place.origin.authority(), place.bucket, place.prefix, mode());
}

LockTerms S3Locks::terms() const {
  const auto period = client_.options().lock.period_seconds;
  return {period, (period + slack_part - 1) / slack_part};
}

base::WallTime S3Locks::first_until() const {
  const auto lasts = terms();
  return {client_.now().seconds + lasts.period_seconds + lasts.slack_seconds, 0};
}

void S3Locks::add_headers(net::Headers& headers) const {
  headers.push_back({"x-amz-object-lock-mode", mode()});
  headers.push_back({"x-amz-object-lock-retain-until-date", first_until().to_iso()});
}

void S3Locks::lock_new(const std::string& key, const std::string& name) {
  retain(key, name, first_until());
}

void S3Locks::retain(const std::string& key, const std::string& name, base::WallTime until) {
  const auto xml = retention_xml(mode(), until);
  client_.send({.doing = "locking " + name,
                .method = "PUT",
                .key = key,
                .query = {{"retention", ""}},
                .body = base::as_bytes(xml)});
}

void S3Locks::lock(const std::string& name, base::WallTime until) {
  check_name(name);
  retain(client_.place().prefix + name, name, until);
}

/// Of the newest version, or of `version`.
void S3Locks::set_hold(const std::string& name, const std::string& version, const char* status) {
  check_name(name);
  const auto xml = legal_hold_xml(status);
  Query query = {{"legal-hold", ""}};
  if (!version.empty()) query.emplace_back("versionId", version);
  client_.send({.doing = "holding " + name,
                .method = "PUT",
                .key = client_.place().prefix + name,
                .query = std::move(query),
                .body = base::as_bytes(xml)});
}

void S3Locks::hold(const std::string& name) { set_hold(name, "", "ON"); }
void S3Locks::release(const std::string& name) { set_hold(name, "", "OFF"); }

void S3Locks::release_removed() {
  for (const auto& removed : versions_.held()) {
    for (const auto& version : versions_.of(client_.place().prefix + removed.name)) {
      if (!version.is_marker) set_hold(removed.name, version.version, "OFF");
    }
  }
}

std::optional<base::WallTime> S3Locks::locked_until(const std::string& name) {
  check_name(name);
  const auto there = look_at_object(client_, client_.place().prefix + name, name);
  return there ? there->locked_until : std::nullopt;
}

void S3Locks::refuse_store(const std::string& why, const char* next_step) const {
  throw Error(ErrorKind::unsupported, fmt::format("{} {}", client_.store(), why))
      .set_hint(next_step);
}

/// Returns its version.
std::string S3Locks::make_probe(const std::string& key) {
  net::Headers headers = {{"x-amz-object-lock-mode", mode()},
                          {"x-amz-object-lock-retain-until-date",
                           base::WallTime{client_.now().seconds + probe_lock_seconds, 0}.to_iso()}};
  const auto response = client_.send({.doing = probe_doing,
                                      .method = "PUT",
                                      .key = key,
                                      .headers = std::move(headers),
                                      .body = base::as_bytes(probe_name)},
                                     is_refusal_of_locks);
  if (response.status >= 300) {
    refuse_store("cannot lock objects: its bucket was made without object lock",
                 "a bucket gets that when it is made: name one that does not exist and say "
                 "holdfast init, or leave out 'lock' of the store");
  }
  return net::find_header(response.headers, "x-amz-version-id").value_or("");
}

void S3Locks::expect_enforced() {
  if (is_enforced_ || client_.options().lock.period_seconds == 0) return;
  const auto key = hidden_key(client_, probe_name);
  const auto there = look_at_object(client_, key, probe_name);
  std::string version;
  if (there && there->locked_until &&
      there->locked_until->seconds > client_.now().seconds + probe_rest_seconds) {
    version = there->version;
  } else {
    version = make_probe(key);
    if (there && !there->version.empty()) versions_.destroy(key, there->version);
  }
  if (version.empty() || versions_.destroy(key, version)) {
    refuse_store(
        "accepts object-lock headers and does not enforce them: an object that was locked "
        "could be destroyed",
        "use a store that enforces object lock, or leave out 'lock' of the store and keep "
        "another copy offline");
  }
  // Refused it may also be for want of the right to.
  const auto locked = look_at_object(client_, key, probe_name, version);
  if (!locked || !locked->locked_until) {
    refuse_store("does not say that it locked an object that was to be locked",
                 "allow the credentials to read locks (s3:GetObjectRetention), or use another "
                 "store");
  }
  is_enforced_ = true;
}

void S3Locks::list_held(const std::function<void(const HeldObject&)>& visit) {
  for (const auto& held : versions_.held())
    visit(held);
}

void S3Locks::list_altered(const std::function<void(const AlteredObject&)>& visit) {
  std::set<std::string> removed;
  for (const auto& held : versions_.held())
    removed.insert(held.name);
  const auto& own = client_.place().prefix;
  list_s3_versions(client_, own, [&](const std::string& key, const Versions& versions) {
    const auto name = key.substr(own.size());
    if (!is_object_name(name) || !is_kept(name) || removed.contains(name)) return true;
    const auto real = std::ranges::count(versions, false, &ListedVersion::is_marker);
    if (versions.front().is_marker && real > 0) {
      visit({name, AlteredObject::How::hidden});
    } else if (real > 1) {
      visit({name, AlteredObject::How::overwritten});
    }
    return true;
  });
}

bool S3Locks::bring_back(const AlteredObject& object) {
  check_name(object.name);
  const auto key = client_.place().prefix + object.name;
  const auto versions = versions_.of(key);
  auto above = count_markers(versions);
  if (above == versions.size()) return false;
  if (object.how == AlteredObject::How::overwritten) {
    // Nobody writes a name twice: the first is the true one.
    const auto first =
        std::ranges::find(versions.rbegin(), versions.rend(), false, &ListedVersion::is_marker);
    above = static_cast<std::size_t>(std::distance(first, versions.rend())) - 1;
  }
  for (std::size_t i = 0; i < above; ++i) {
    if (!versions_.destroy(key, versions[i].version)) return false;
  }
  return true;
}

}  // namespace holdfast::storage
