#include "s3_objects.hpp"

#include "base/error.hpp"
#include "multipart_upload.hpp"
#include "s3_lists.hpp"
#include "s3_versions.hpp"

#include <fmt/format.h>

#include <charconv>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr const char* mark_header = "meta-holdfast-mark";  // after the prefix of the dialect
constexpr const char* probe_name = "probe";
constexpr const char* probe_doing = "trying whether objects can be created exclusively";

bool is_status(const net::HttpResponse& response, int status) { return response.status == status; }

bool is_refused_condition(const net::HttpResponse& response) {
  return response.status == 501 || s3_code(response) == "NotImplemented";
}

/// The cheapest request that fails without the bucket.
net::HttpResponse look_for_bucket(S3Client& client) {
  S3Request request{.doing = "looking for the bucket"};
  if (client.dialect().has_head_of_bucket) {
    request.method = "HEAD";
  } else {
    request.query = query_of_list(client.dialect(), client.place().prefix, 1);
  }
  return client.send(request);
}

}  // namespace

net::Headers headers_of_new_object(const S3Client& client, const std::string& mark, ObjectUse use) {
  const auto& dialect = client.dialect();
  const auto& options = client.options();
  net::Headers headers = {{dialect.header(mark_header), mark}};
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) headers.push_back({dialect.header(name), value});
  };
  if (use == ObjectUse::content) add("storage-class", options.storage_class);
  add("server-side-encryption", options.encryption);
  add(dialect.encryption_key_header, options.encryption_key);
  return headers;
}

net::Headers headers_of_copy(const S3Client& client, const std::string& key,
                             const StoredObject& there, const std::string& storage_class) {
  const auto& dialect = client.dialect();
  const auto& place = client.place();
  auto headers = headers_of_new_object(client, there.mark, ObjectUse::metadata);
  auto source = fmt::format("/{}/{}", place.bucket, net::percent_encode(key, "/"));
  if (dialect.scheme == "cos") {
    // There the source has a host, and that is the open one of its region.
    const auto host = place.region.empty()
                          ? client.host()
                          : fmt::format("{}.cos.{}.myqcloud.com", place.bucket, place.region);
    source = fmt::format("{}/{}", host, net::percent_encode(key, "/"));
  }
  headers.push_back({dialect.header("copy-source"), std::move(source)});
  headers.push_back({dialect.header("metadata-directive"), std::string(dialect.replaces_metadata)});
  if (!storage_class.empty()) headers.push_back({dialect.header("storage-class"), storage_class});
  return headers;
}

Query query_of_list(const S3Dialect& dialect, const std::string& prefix, std::size_t count_max,
                    const std::string& next) {
  Query query = {{"prefix", prefix}, {"max-keys", std::to_string(count_max)}};
  if (dialect.lists_by_token) query.emplace_back("list-type", "2");
  if (!next.empty()) {
    query.emplace_back(dialect.lists_by_token ? "continuation-token" : "marker", next);
  }
  return query;
}

void require_bucket(S3Client& client) {
  // A list of one: unlike the reply to HEAD, its errors say what is wrong.
  client.send({.doing = "opening the bucket",
               .query = query_of_list(client.dialect(), client.place().prefix, 1)});
}

std::optional<base::WallTime> time_of_bucket(S3Client& client) {
  return net::time_of_server(look_for_bucket(client));
}

std::optional<StoredObject> look_at_object(S3Client& client, const std::string& key,
                                           const std::string& name, const std::string& version) {
  S3Request request{.doing = "looking for " + name, .method = "HEAD", .key = key};
  if (!version.empty()) request.query = {{"versionId", version}};
  const auto response =
      client.send(request, [](const auto& reply) { return is_status(reply, 404); });
  if (response.status == 404) {
    // The reply to HEAD does not say what is missing.
    look_for_bucket(client);
    return std::nullopt;
  }
  const auto size = net::find_header(response.headers, "content-length").value_or("");
  const auto header = [&](const std::string& which) {
    return net::find_header(response.headers, which).value_or("");
  };
  const auto& dialect = client.dialect();
  StoredObject object{0,
                      header(dialect.header(mark_header)),
                      header("x-amz-version-id"),
                      parse_s3_time(header("x-amz-object-lock-retain-until-date")),
                      header("x-amz-object-lock-legal-hold") == "ON",
                      header(dialect.header("storage-class")),
                      header(dialect.header("restore")),
                      false,
                      net::parse_http_date(header("last-modified"))};
  // The second is said of objects in INTELLIGENT_TIERING.
  object.is_archived =
      dialect.is_archive(object.storage_class) || !header(dialect.header("archive-status")).empty();
  const auto* const end = size.data() + size.size();
  const auto [last, code] = std::from_chars(size.data(), end, object.size);
  if (size.empty() || code != std::errc{} || last != end) {
    throw Error(ErrorKind::corrupt,
                fmt::format("looking for {} in {}: the store does not say how large it is", name,
                            client.store()));
  }
  return object;
}

std::string hidden_key(const S3Client& client, const std::string& name) {
  return client.place().prefix + ".holdfast/" + name;
}

bool S3Conditions::put_is_exclusive() {
  if (put_ == Known::nothing) put_ = try_put() ? Known::yes : Known::no;
  if (put_ == Known::yes) return true;
  if (keeps_versions_) return false;
  if (client_.options().exclusive_create == S3Options::ExclusiveCreate::by_looking) return false;
  throw Error(ErrorKind::unsupported,
              fmt::format("{} cannot create an object only if its name is free: it does not obey "
                          "{}",
                          client_.store(), client_.dialect().condition_name))
      .set_hint(fmt::format(
          "{}two machines that write at once could destroy each other's work there; if only "
          "one ever writes, prune included, set 'exclusive_create: by-looking' of the store",
          client_.dialect().is_cloud
              ? "a bucket whose versioning was ever enabled is so: take another one; "
              : ""));
}

bool S3Conditions::complete_is_exclusive() {
  if (complete_ == Known::nothing) complete_ = try_complete() ? Known::yes : Known::no;
  return complete_ == Known::yes;
}

bool S3Conditions::try_put() {
  auto headers = headers_of_new_object(client_, client_.make_mark(), ObjectUse::content);
  headers.push_back(client_.dialect().only_if_absent());
  const S3Request request{.doing = probe_doing,
                          .method = "PUT",
                          .key = hidden_key(client_, probe_name),
                          .headers = headers,
                          .body = base::as_bytes(probe_name)};
  // The second time it is there for certain.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto response = client_.send(request, [](const net::HttpResponse& reply) {
      return says_name_is_taken(reply) || is_refused_condition(reply);
    });
    if (says_name_is_taken(response)) return true;
    if (response.status >= 300) return false;
    keeps_versions_ = net::find_header(response.headers, "x-amz-version-id").has_value();
  }
  if (keeps_versions_) clear_probe();
  return false;
}

/// What was written by trying has become several versions.
void S3Conditions::clear_probe() {
  S3Versions versions(client_);
  const auto key = hidden_key(client_, probe_name);
  for (const auto& version : versions.of(key))
    versions.destroy(key, version.version);
}

bool S3Conditions::try_complete() {
  MultipartUpload upload(client_, probe_doing, hidden_key(client_, probe_name),
                         headers_of_new_object(client_, client_.make_mark(), ObjectUse::content));
  base::Buffer part(1);
  part.append(base::as_bytes("p"));
  upload.add(std::move(part));
  try {
    return upload.complete({client_.dialect().only_if_absent()}) ==
           MultipartUpload::Outcome::name_taken;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unsupported) throw;
    return false;
  }
}

}  // namespace holdfast::storage
