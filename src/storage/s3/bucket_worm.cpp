#include "bucket_worm.hpp"

#include "base/error.hpp"
#include "s3_lists.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr const char* probe_name = "worm-probe";
constexpr const char* probe_doing = "trying whether objects are protected";
constexpr const char* policy_doing = "asking for the retention policy of the bucket";
constexpr std::int64_t day_seconds = 24L * 3600;
/// The days end with a minute that has begun.
constexpr std::int64_t margin_seconds = 60;

std::string notes_key(const S3Client& client, const std::string& name) {
  return hidden_key(client, "gone/" + name);
}

/// "<name>/<size>" behind the prefix. Nothing for what is no note.
std::optional<HeldObject> parse_note(std::string_view text) {
  const auto slash = text.rfind('/');
  if (slash == text.npos) return std::nullopt;
  HeldObject held{std::string(text.substr(0, slash)), 0, {}};
  const auto digits = text.substr(slash + 1);
  const auto* const end = digits.data() + digits.size();
  const auto [last, code] = std::from_chars(digits.data(), end, held.size);
  const bool has_size = !digits.empty() && code == std::errc{} && last == end;
  if (!has_size || !is_object_name(held.name)) return std::nullopt;
  return held;
}

std::string note_key(const S3Client& client, const std::string& name, std::uint64_t size) {
  return fmt::format("{}/{}", notes_key(client, name), size);
}

}  // namespace

bool says_it_is_protected(const net::HttpResponse& response) {
  return response.status == 409 && s3_code(response) == "FileImmutable";
}

std::optional<WormPolicy> BucketWorm::policy() {
  const std::lock_guard lock(mutex_);
  if (was_asked_) return policy_;
  const auto response = client_.send(
      {.doing = policy_doing, .query = {{"worm", ""}}}, [](const net::HttpResponse& reply) {
        return reply.status == 404 && s3_code(reply) != "NoSuchBucket";
      });
  if (response.status < 300) policy_ = parse_worm_policy(response.body);
  was_asked_ = true;
  return policy_;
}

bool BucketWorm::may_protect() {
  if (!client_.dialect().has_bucket_worm) return false;
  if (may_protect_ == Known::nothing) {
    try {
      may_protect_ = policy() ? Known::yes : Known::no;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::access_denied) throw;
      may_protect_ = Known::yes;  // who may not ask does not know
    }
  }
  return may_protect_ == Known::yes;
}

/// 0 where nobody says.
std::int64_t BucketWorm::protected_seconds() {
  try {
    const auto known = policy();
    return known ? known->period_seconds : 0;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::access_denied) throw;
    return 0;
  }
}

void BucketWorm::hide(const std::string& name, const StoredObject& there) {
  may_protect_ = Known::yes;
  client_.send(
      {.doing = "removing " + name, .method = "PUT", .key = note_key(client_, name, there.size)},
      says_it_is_protected);  // another machine made the same note
}

bool BucketWorm::hides(const std::string& name) {
  bool is_hidden = false;
  const auto prefix = notes_key(client_, name) + "/";
  list_s3_objects(client_, prefix, [&](const ListedObject&) { is_hidden = true; });
  return is_hidden;
}

std::vector<HeldObject> BucketWorm::notes_below(const std::string& prefix) {
  std::vector<HeldObject> found;
  const auto own = notes_key(client_, "");
  const auto period = protected_seconds();
  list_s3_objects(client_, own + prefix, [&](const ListedObject& note) {
    auto held = parse_note(std::string_view(note.key).substr(own.size()));
    const auto modified = parse_s3_time(note.modified);
    if (!held || !modified) return;
    held->until = {modified->seconds + period + margin_seconds, 0};
    found.push_back(std::move(*held));
  });
  return found;
}

std::set<std::string> BucketWorm::hidden_below(const std::string& prefix) {
  std::set<std::string> names;
  for (auto& held : notes_below(prefix))
    names.insert(std::move(held.name));
  return names;
}

/// False when it is protected.
bool BucketWorm::destroy(const std::string& key) {
  const auto response = client_.send({.doing = "destroying what was removed while it was protected",
                                      .method = "DELETE",
                                      .key = key},
                                     [](const net::HttpResponse& reply) {
                                       return reply.status == 404 || says_it_is_protected(reply);
                                     });
  return !says_it_is_protected(response);
}

std::size_t BucketWorm::remove_unprotected() {
  if (!may_protect()) return 0;
  std::size_t removed = 0;
  const auto now = client_.now();
  for (const auto& held : notes_below("")) {
    if (held.until >= now || !destroy(client_.place().prefix + held.name)) continue;
    destroy(note_key(client_, held.name, held.size));
    ++removed;
  }
  return removed;
}

std::string BucketWorm::identity() const {
  const auto& place = client_.place();
  return fmt::format("{}/{}/{} worm", place.origin.authority(), place.bucket, place.prefix);
}

LockTerms BucketWorm::terms() const {
  return {client_.options().lock.period_seconds, 0, LockTerms::Renewal::when_over};
}

void BucketWorm::refuse_store(const std::string& why, const std::string& next_step) const {
  throw Error(ErrorKind::unsupported, fmt::format("{} {}", client_.store(), why))
      .set_hint(next_step);
}

/// Puts it there if need be; whether it cannot be deleted.
bool BucketWorm::is_protected(const std::string& key) {
  client_.send(
      {.doing = probe_doing, .method = "PUT", .key = key, .body = base::as_bytes(probe_name)},
      says_it_is_protected);  // an earlier one is
  return !destroy(key);
}

void BucketWorm::expect_enforced() {
  const auto period = client_.options().lock.period_seconds;
  if (is_enforced_ || period == 0) return;
  const auto known = policy();
  constexpr const char* console =
      "make and lock one in the console of OSS (it cannot be taken back), or leave out 'lock' of "
      "the store";
  if (!known) refuse_store("cannot lock objects: its bucket has no retention policy", console);
  if (!known->is_locked) {
    refuse_store("does not lock objects yet: the retention policy of its bucket is not locked",
                 "lock the policy in the console of OSS within a day after it was made (that "
                 "cannot be taken back), or leave out 'lock' of the store");
  }
  const auto days = known->period_seconds / day_seconds;
  if (known->period_seconds < period) {
    refuse_store(
        fmt::format("protects each object for {} days only", days),
        fmt::format("extend the retention policy of the bucket, or set 'lock: {} days'", days));
  }
  if (!is_protected(hidden_key(client_, probe_name))) {
    refuse_store("says that it protects objects, and let one be deleted",
                 "ask Aliyun, or leave out 'lock' of the store and keep another copy offline");
  }
  is_enforced_ = true;
}

std::optional<base::WallTime> BucketWorm::locked_until(const std::string& name) {
  check_name(name);
  const auto there = look_at_object(client_, client_.place().prefix + name, name);
  if (!there || !there->modified) return std::nullopt;
  const base::WallTime until{there->modified->seconds + protected_seconds(), 0};
  return until > client_.now() ? std::optional(until) : std::nullopt;
}

/// A copy onto itself is a new object to the policy.
void BucketWorm::lock(const std::string& name, base::WallTime /*until*/) {
  check_name(name);
  const auto key = client_.place().prefix + name;
  const auto doing = "locking " + name;
  const auto there = look_at_object(client_, key, name);
  if (!there) {
    throw Error(ErrorKind::not_found,
                fmt::format("{} in {}: there is no such object", doing, client_.store()));
  }
  const auto response =
      client_.send({.doing = doing,
                    .method = "PUT",
                    .key = key,
                    .headers = headers_of_copy(client_, key, *there, there->storage_class)});
  // A copy that fails half-way is told in a reply that says success.
  if (!s3_code(response).empty()) throw s3_error(response, doing + " in " + client_.store());
}

void BucketWorm::refuse_holds() const {
  refuse_store("cannot hold single objects: a policy of its bucket protects all alike",
               "extend the retention policy of the bucket, or hold a copy at s3://");
}
void BucketWorm::hold(const std::string& /*name*/) { refuse_holds(); }
void BucketWorm::release(const std::string& /*name*/) { refuse_holds(); }

void BucketWorm::list_held(const std::function<void(const HeldObject&)>& visit) {
  if (!may_protect()) return;
  for (const auto& held : notes_below(""))
    visit(held);
}

/// Nobody can overwrite what is protected; and who made a note nobody can tell.
void BucketWorm::list_altered(const std::function<void(const AlteredObject&)>& /*visit*/) {}
bool BucketWorm::bring_back(const AlteredObject& /*object*/) { return false; }

}  // namespace holdfast::storage
