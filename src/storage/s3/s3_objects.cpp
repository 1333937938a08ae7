#include "s3_objects.hpp"

#include "base/error.hpp"
#include "multipart_upload.hpp"

#include <fmt/format.h>

#include <charconv>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr const char* mark_header = "x-amz-meta-holdfast-mark";
constexpr const char* probe_name = "probe";
constexpr const char* probe_doing = "trying whether objects can be created exclusively";

bool is_status(const net::HttpResponse& response, int status) { return response.status == status; }

bool is_refused_condition(const net::HttpResponse& response) {
  return response.status == 501 || s3_code(response) == "NotImplemented";
}

}  // namespace

net::Headers headers_of_new_object(const S3Options& options, const std::string& mark) {
  net::Headers headers = {{mark_header, mark}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) headers.push_back({name, value});
  };
  add("x-amz-storage-class", options.storage_class);
  add("x-amz-server-side-encryption", options.encryption);
  add("x-amz-server-side-encryption-aws-kms-key-id", options.encryption_key);
  return headers;
}

net::Header only_if_absent() { return {"If-None-Match", "*"}; }

void require_bucket(S3Client& client) {
  // A list of one: unlike the reply to HEAD, its errors say what is wrong.
  client.send(
      {.doing = "opening the bucket",
       .query = {{"list-type", "2"}, {"max-keys", "1"}, {"prefix", client.place().prefix}}});
}

std::optional<base::WallTime> time_of_bucket(S3Client& client) {
  return net::time_of_server(client.send({.doing = "looking for the bucket", .method = "HEAD"}));
}

std::optional<StoredObject> look_at_object(S3Client& client, const std::string& key,
                                           const std::string& name) {
  const S3Request request{.doing = "looking for " + name, .method = "HEAD", .key = key};
  const auto response =
      client.send(request, [](const auto& reply) { return is_status(reply, 404); });
  if (response.status == 404) {
    // The reply to HEAD does not say what is missing.
    client.send({.doing = "looking for the bucket", .method = "HEAD"});
    return std::nullopt;
  }
  const auto size = net::find_header(response.headers, "content-length").value_or("");
  StoredObject object{0, net::find_header(response.headers, mark_header).value_or("")};
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
  if (client_.options().exclusive_create == S3Options::ExclusiveCreate::by_looking) return false;
  throw Error(ErrorKind::unsupported,
              fmt::format("{} cannot create an object only if its name is free: it does not obey "
                          "If-None-Match",
                          client_.store()))
      .set_hint(
          "two machines that write at once could destroy each other's work there; if only "
          "one ever writes, prune included, set 'exclusive_create: by-looking' of the store");
}

bool S3Conditions::complete_is_exclusive() {
  if (complete_ == Known::nothing) complete_ = try_complete() ? Known::yes : Known::no;
  return complete_ == Known::yes;
}

bool S3Conditions::try_put() {
  auto headers = headers_of_new_object(client_.options(), client_.make_mark());
  headers.push_back(only_if_absent());
  const S3Request request{.doing = probe_doing,
                          .method = "PUT",
                          .key = hidden_key(client_, probe_name),
                          .headers = headers,
                          .body = base::as_bytes(probe_name)};
  // The second time it is there for certain.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto response = client_.send(request, [](const net::HttpResponse& reply) {
      return reply.status == 412 || is_refused_condition(reply);
    });
    if (response.status == 412) return true;
    if (response.status >= 300) return false;
  }
  return false;
}

bool S3Conditions::try_complete() {
  MultipartUpload upload(client_, probe_doing, hidden_key(client_, probe_name),
                         headers_of_new_object(client_.options(), client_.make_mark()));
  base::Buffer part(1);
  part.append(base::as_bytes("p"));
  upload.add(std::move(part));
  try {
    return upload.complete({only_if_absent()}) == MultipartUpload::Outcome::name_taken;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unsupported) throw;
    return false;
  }
}

}  // namespace holdfast::storage
