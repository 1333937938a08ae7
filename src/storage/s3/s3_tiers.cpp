// A move is a copy of an object onto itself that names another class. Its mark is given again, so
// that the writer of the object still knows it. Where the bucket keeps versions the one before is
// destroyed, for it would be paid for and seen by nobody.

#include "s3_tiers.hpp"

#include "base/error.hpp"
#include "s3_lists.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;
using State = ObjectTier::State;

namespace {

/// What is thawed for so long yet needs no further request.
constexpr std::int64_t thawed_enough_seconds = 24L * 3600;
/// Aliyun's Archive has one speed, and is thawed for a week at most.
constexpr std::string_view class_without_speeds = "Archive";
constexpr std::uint32_t days_without_speeds_max = 7;

/// As all three clouds write it.
std::string_view word_of(ThawSpeed speed) {
  switch (speed) {
    case ThawSpeed::expedited:
      return "Expedited";
    case ThawSpeed::standard:
      return "Standard";
    case ThawSpeed::bulk:
      return "Bulk";
  }
  return "Standard";
}

bool is_under_way(const net::HttpResponse& response) {
  return response.status == 409 && s3_code(response) == "RestoreAlreadyInProgress";
}

/// The text between quotes behind `name`; empty when there is none.
std::string quoted_value(const std::string& text, const std::string& name) {
  const auto at = text.find(name + "=\"");
  if (at == text.npos) return {};
  const auto begin = at + name.size() + 2;
  const auto end = text.find('"', begin);
  return end == text.npos ? std::string() : text.substr(begin, end - begin);
}

}  // namespace

ObjectTier parse_thaw(const std::string& said) {
  ObjectTier tier;
  const auto ongoing = quoted_value(said, "ongoing-request");
  tier.state = ongoing == "true"    ? State::thawing
               : ongoing == "false" ? State::thawed
                                    : State::frozen;
  if (tier.state == State::thawed) {
    tier.readable_until = net::parse_http_date(quoted_value(said, "expiry-date"));
  }
  return tier;
}

std::string S3Tiers::class_of(const std::string& said) const {
  return said.empty() ? std::string(client_.dialect().usual_class) : said;
}

ObjectTier S3Tiers::tier_of(const StoredObject& object) const {
  auto tier = object.is_archived ? parse_thaw(object.restoring) : ObjectTier();
  tier.storage_class = class_of(object.storage_class);
  return tier;
}

void S3Tiers::list(const std::string& prefix,
                   const std::function<void(const TieredObject&)>& visit) {
  check_prefix(prefix);
  const auto& own = client_.place().prefix;
  list_s3_objects(client_, own + prefix, [&](const ListedObject& object) {
    auto name = object.key.substr(own.size());
    if (!is_object_name(name)) return;
    visit({std::move(name), object.size, class_of(object.storage_class),
           client_.dialect().is_archive(object.storage_class), parse_s3_time(object.modified)});
  });
}

std::optional<ObjectTier> S3Tiers::look(const std::string& name) {
  check_name(name);
  const auto there = look_at_object(client_, client_.place().prefix + name, name);
  return there ? std::optional(tier_of(*there)) : std::nullopt;
}

ObjectTiers::Thaw S3Tiers::thaw(const std::string& name, std::uint32_t days, ThawSpeed speed) {
  const auto tier = look(name);
  if (!tier) {
    throw Error(ErrorKind::not_found,
                fmt::format("thawing {} in {}: there is no such object", name, client_.store()));
  }
  if (tier->state == State::readable) return Thaw::readable;
  if (tier->state == State::thawing) return Thaw::under_way;
  const bool is_thawed = tier->state == State::thawed;
  const auto wanted_until = client_.now().seconds + thawed_enough_seconds;
  if (is_thawed && (!tier->readable_until || tier->readable_until->seconds > wanted_until)) {
    return Thaw::readable;
  }
  const bool has_speeds = tier->storage_class != class_without_speeds;
  const auto xml = thaw_xml(has_speeds ? days : std::min(days, days_without_speeds_max),
                            has_speeds ? client_.dialect().thaw_element : "", word_of(speed));
  const auto response = client_.send({.doing = "thawing " + name,
                                      .method = "POST",
                                      .key = client_.place().prefix + name,
                                      .query = {{"restore", ""}},
                                      .body = base::as_bytes(xml)},
                                     is_under_way);
  if (is_under_way(response)) return Thaw::under_way;
  return is_thawed ? Thaw::readable : Thaw::begun;
}

bool S3Tiers::move(const std::string& name, const std::string& storage_class) {
  check_name(name);
  const auto key = client_.place().prefix + name;
  const auto there = look_at_object(client_, key, name);
  if (!there) return false;
  if (class_of(there->storage_class) == storage_class) return true;
  const auto doing = fmt::format("moving {} to {}", name, storage_class);
  if (there->is_on_hold || there->locked_until) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{} in {}: it is locked, and what is locked would be paid for twice "
                            "until its lock ends",
                            doing, client_.store()));
  }
  if (!tier_of(*there).can_be_read()) {
    throw Error(ErrorKind::frozen,
                fmt::format("{} in {}: it is in {}, and would have to be thawed for that", doing,
                            client_.store(), there->storage_class));
  }
  const auto response =
      client_.send({.doing = doing,
                    .method = "PUT",
                    .key = key,
                    .headers = headers_of_copy(client_, key, *there, storage_class)},
                   [](const net::HttpResponse& reply) {
                     return reply.status == 404 && s3_code(reply) == "NoSuchKey";
                   });
  if (response.status == 404) return false;
  // A copy that fails half-way is told in a reply that says success.
  if (!s3_code(response).empty()) throw s3_error(response, doing + " in " + client_.store());
  expect_moved(key, name, *there, storage_class);
  return true;
}

void S3Tiers::expect_moved(const std::string& key, const std::string& name,
                           const StoredObject& before, const std::string& storage_class) {
  const auto after = look_at_object(client_, key, name);
  if (!after) return;  // removed meanwhile
  const auto fail = [&](const std::string& what, const char* hint) {
    throw Error(ErrorKind::unsupported,
                fmt::format("moving {} in {}: {}", name, client_.store(), what))
        .set_hint(hint);
  };
  if (after->size != before.size || after->mark != before.mark) {
    fail("the store did not copy it whole", "check this object: holdfast check --read-data");
  }
  if (class_of(after->storage_class) != storage_class) {
    fail(fmt::format("the store keeps it in {} and not in {}", class_of(after->storage_class),
                     storage_class),
         "check the classes that the store has, and 'lifecycle' in holdfast.yaml");
  }
  if (after->version.empty() || after->version == before.version) return;
  for (const auto& version : versions_.of(key)) {
    if (version.version != after->version) versions_.destroy(key, version.version);
  }
}

}  // namespace holdfast::storage
