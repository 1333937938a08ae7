// An object is one object of the bucket, its key the prefix and its name. What begins with a dot
// below the prefix is ours and no object: the probe for conditions, and claims (see s3_writer.cpp).

#include "storage/s3/s3_backend.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "bucket_worm.hpp"
#include "s3_lists.hpp"
#include "s3_locks.hpp"
#include "s3_objects.hpp"
#include "s3_tiers.hpp"
#include "s3_versions.hpp"
#include "s3_writer.hpp"
#include "xml.hpp"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::uint64_t object_size_max = std::uint64_t{1} << 42;

class S3Backend final : public Backend {
public:
  S3Backend(S3Place place, const Location& location, S3Options options,
            S3CredentialSource credentials, S3Context context)
      : client_(std::move(place), std::move(options), std::move(credentials), std::move(context),
                location.url()) {}

  void open(S3Open mode) {
    try {
      require_bucket(client_);
    } catch (const Error& error) {
      if (mode != S3Open::create || error.kind() != ErrorKind::not_found) throw;
      make_bucket();
    }
  }

  std::string describe() const override { return client_.store(); }

  std::unique_ptr<ObjectWriter> create(const std::string& name) override {
    auto key = key_of(name);
    static_cast<void>(conditions_.put_is_exclusive());  // said before anything is read or sent
    if (locks_.wants(name)) locks()->expect_enforced();
    return write_s3_object({client_, conditions_, versions_, locks_, worm_}, name, std::move(key));
  }

  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    S3Request request{
        .doing = "reading " + name, .key = key_of(name), .query = version_to_read(name)};
    if (into.empty() || offset > object_size_max) {
      require_object(name);
      return 0;
    }
    std::size_t done = 0;
    // Each attempt goes on where the one before it was cut.
    client_.retrier().run([&](int) { read_on(request, offset, into, done); });
    return done;
  }

  /// Nobody writes a name twice: what lies below what was read is the true one.
  bool read_elsewhere(const std::string& name, std::size_t damaged) override {
    const auto key = key_of(name);
    auto versions = versions_.of(key);
    std::erase_if(versions, [](const ListedVersion& version) { return version.is_marker; });
    if (damaged == 0 || damaged >= versions.size()) return false;
    const std::lock_guard lock(mutex_);
    older_[name] = versions[versions.size() - damaged].version;
    return true;
  }

  std::optional<ObjectInfo> stat(const std::string& name) override {
    const auto there = look_at_object(client_, key_of(name), name);
    if (!there || (worm_.may_protect() && worm_.hides(name))) return std::nullopt;
    return ObjectInfo{name, there->size};
  }

  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    check_prefix(prefix);
    const auto& own = client_.place().prefix;
    const auto hidden = worm_.may_protect() ? worm_.hidden_below(prefix) : std::set<std::string>();
    list_s3_objects(client_, own + prefix, [&](const ListedObject& object) {
      const auto name = object.key.substr(own.size());
      if (!is_object_name(name) || hidden.contains(name)) return;
      visit({name, object.size, client_.dialect().is_archive(object.storage_class)});
    });
  }

  RemoveOutcome remove(const std::string& name) override {
    const auto key = key_of(name);
    // The store answers alike whether there was something or not.
    const auto there = look_at_object(client_, key, name);
    if (!there) return RemoveOutcome::was_absent;
    if (!there->version.empty()) return versions_.remove(key, name, *there);
    if (worm_.may_protect() && worm_.hides(name)) return RemoveOutcome::was_absent;
    if (remove_key(key, "removing " + name)) return RemoveOutcome::removed;
    worm_.hide(name, *there);
    return RemoveOutcome::held;
  }

  ObjectLocks* locks() override {
    if (client_.dialect().has_bucket_worm) return &worm_;
    return &locks_;
  }
  ObjectTiers* tiers() override { return &tiers_; }

  unsigned transfers_max() const override { return net::transfers_at_once; }

  StoreStatus status() override { return {std::nullopt, time_of_bucket(client_)}; }

  std::size_t remove_leftovers() override {
    std::size_t removed =
        remove_old_uploads() + versions_.remove_unlocked() + worm_.remove_unprotected();
    std::vector<std::string> claims;
    list_s3_objects(client_, claims_prefix(client_), [&](const ListedObject& object) {
      if (is_older_than_a_day(object.modified, client_.now())) claims.push_back(object.key);
    });
    for (const auto& claim : claims)
      removed += remove_key(claim, "removing the claim of a writer that died") ? 1 : 0;
    return removed;
  }

private:
  std::string key_of(const std::string& name) const {
    check_name(name);
    return client_.place().prefix + name;
  }

  Query version_to_read(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto older = older_.find(name);
    return older == older_.end() ? Query() : Query{{"versionId", older->second}};
  }

  void make_bucket() {
    const auto& place = client_.place();
    const auto body = place.is_aws && place.region != "us-east-1" ? create_bucket_xml(place.region)
                                                                  : std::string();
    net::Headers headers;
    if (locks_.locks_by_object()) {
      headers.push_back({"x-amz-bucket-object-lock-enabled", "true"});
    }
    client_.send({.doing = "making the bucket",
                  .method = "PUT",
                  .headers = std::move(headers),
                  .body = base::as_bytes(body)},
                 [](const net::HttpResponse& response) {
                   return s3_code(response) == "BucketAlreadyOwnedByYou";
                 });
    require_bucket(client_);
  }

  void require_object(const std::string& name) {
    if (stat(name)) return;
    throw Error(ErrorKind::not_found,
                fmt::format("reading {} in {}: there is no such object", name, client_.store()));
  }

  void read_on(S3Request& request, std::uint64_t offset, base::MutableBytes into,
               std::size_t& done) {
    const auto begin = offset + done;
    request.into = into.subspan(done);
    if (request.into.empty()) return;
    const auto last = begin + request.into.size() - 1;
    request.headers = {{"Range", fmt::format("bytes={}-{}", begin, last)}};
    const auto& dialect = client_.dialect();
    if (!dialect.range_header.empty()) {
      request.headers.push_back(
          {std::string(dialect.range_header), std::string(dialect.range_value)});
    }
    const auto transfer = client_.start(request);
    try {
      const auto response = client_.wait(
          *transfer, request, [](const net::HttpResponse& reply) { return reply.status == 416; });
      if (response.status == 416) return;  // nothing begins there
      check_range(request, response, begin);
      done += static_cast<std::size_t>(response.received);
    } catch (const Error& error) {
      if (error.retry() == base::Retry::later)
        done += static_cast<std::size_t>(transfer->received());
      throw;
    }
  }

  /// The bytes must be those that were asked for: a store may answer with the whole object.
  void check_range(const S3Request& request, const net::HttpResponse& response,
                   std::uint64_t begin) const {
    const auto range = net::find_header(response.headers, "content-range").value_or("");
    const bool is_part =
        response.status == 206 && range.starts_with(fmt::format("bytes {}-", begin));
    if (is_part || (response.status == 200 && begin == 0)) return;
    throw Error(ErrorKind::unsupported,
                fmt::format("{} in {}: the store does not give the range that was asked for",
                            request.doing, client_.store()));
  }

  /// False when it is protected.
  bool remove_key(const std::string& key, const std::string& doing) {
    const auto response = client_.send({.doing = doing, .method = "DELETE", .key = key},
                                       [](const net::HttpResponse& reply) {
                                         return reply.status == 404 || says_it_is_protected(reply);
                                       });
    return !says_it_is_protected(response);
  }

  std::size_t remove_old_uploads() {
    std::size_t removed = 0;
    for (const auto& upload : list_s3_uploads(client_, client_.place().prefix)) {
      if (!is_older_than_a_day(upload.initiated, client_.now())) continue;
      client_.send({.doing = "removing an upload whose writer died",
                    .method = "DELETE",
                    .key = upload.key,
                    .query = {{"uploadId", upload.upload}}},
                   [](const net::HttpResponse& response) { return response.status == 404; });
      ++removed;
    }
    return removed;
  }

  S3Client client_;
  S3Conditions conditions_{client_};
  S3Versions versions_{client_};
  S3Locks locks_{client_, versions_};
  BucketWorm worm_{client_};
  S3Tiers tiers_{client_, versions_};
  std::mutex mutex_;
  std::map<std::string, std::string> older_;  // versions of names whose newest is damaged
};

}  // namespace

net::Origin s3_origin(const Location& location, const S3Options& options) {
  return resolve_s3_place(location, options).origin;
}

std::unique_ptr<Backend> open_s3(const Location& location, S3Options options,
                                 S3CredentialSource credentials, S3Context context, S3Open mode) {
  auto place = resolve_s3_place(location, options);
  auto backend = std::make_unique<S3Backend>(std::move(place), location, std::move(options),
                                             std::move(credentials), std::move(context));
  backend->open(mode);
  return backend;
}

}  // namespace holdfast::storage
