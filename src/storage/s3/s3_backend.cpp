// An object is one object of the bucket, its key the prefix and its name. What begins with a dot
// below the prefix is ours and no object: the probe for conditions, and claims (see s3_writer.cpp).

#include "storage/s3/s3_backend.hpp"

#include "base/error.hpp"
#include "base/units.hpp"
#include "s3_objects.hpp"
#include "s3_writer.hpp"
#include "xml.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t page_objects_max = 1000;
constexpr std::size_t page_size_max = 8UL * 1024 * 1024;
constexpr int empty_pages_max = 1000;
constexpr std::uint64_t object_size_max = std::uint64_t{1} << 42;
constexpr std::int64_t abandoned_after_seconds = 24 * 3600;
constexpr std::size_t second_size = 19;  // "2026-11-20T10:00:00" of "2026-11-20T10:00:00.000Z"

/// What a store says about time is believed only if it can be read.
bool is_older_than_a_day(const std::string& time, base::WallTime now) {
  try {
    return base::parse_time(time.substr(0, second_size) + "Z").seconds + abandoned_after_seconds <
           now.seconds;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input) throw;
    return false;
  }
}

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
    return write_s3_object(client_, conditions_, name, std::move(key));
  }

  std::size_t read(const std::string& name, std::uint64_t offset,
                   base::MutableBytes into) override {
    S3Request request{.doing = "reading " + name, .key = key_of(name)};
    if (into.empty() || offset > object_size_max) {
      require_object(name);
      return 0;
    }
    std::size_t done = 0;
    // Each attempt goes on where the one before it was cut.
    client_.retrier().run([&](int) { read_on(request, offset, into, done); });
    return done;
  }

  std::optional<ObjectInfo> stat(const std::string& name) override {
    const auto there = look_at_object(client_, key_of(name), name);
    if (!there) return std::nullopt;
    return ObjectInfo{name, there->size};
  }

  void list(const std::string& prefix,
            const std::function<void(const ObjectInfo&)>& visit) override {
    check_prefix(prefix);
    const auto& own = client_.place().prefix;
    list_keys(own + prefix, [&](const ListedObject& object) {
      const auto name = object.key.substr(own.size());
      if (is_object_name(name)) visit({name, object.size});
    });
  }

  RemoveOutcome remove(const std::string& name) override {
    const auto key = key_of(name);
    // The store answers alike whether there was something or not.
    if (!look_at_object(client_, key, name)) return RemoveOutcome::was_absent;
    remove_key(key, "removing " + name);
    return RemoveOutcome::removed;
  }

  StoreStatus status() override { return {std::nullopt, time_of_bucket(client_)}; }

  std::size_t remove_leftovers() override {
    std::size_t removed = remove_old_uploads();
    std::vector<std::string> claims;
    list_keys(claims_prefix(client_), [&](const ListedObject& object) {
      if (is_older_than_a_day(object.modified, client_.now())) claims.push_back(object.key);
    });
    for (const auto& claim : claims)
      remove_key(claim, "removing the claim of a writer that died");
    return removed + claims.size();
  }

private:
  std::string key_of(const std::string& name) const {
    check_name(name);
    return client_.place().prefix + name;
  }

  void make_bucket() {
    const auto& place = client_.place();
    const auto body = place.is_aws && place.region != "us-east-1" ? create_bucket_xml(place.region)
                                                                  : std::string();
    client_.send({.doing = "making the bucket", .method = "PUT", .body = base::as_bytes(body)},
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

  template <class Visit>
  void list_keys(const std::string& prefix, Visit visit) {
    std::string last;
    int empty_pages = 0;
    for (std::string next;;) {
      const auto asked = query_of_list(client_.dialect(), prefix, page_objects_max, next);
      const auto page = fetch_page("listing objects", asked, [](base::ByteView xml) {
        return parse_list_page(xml, page_objects_max);
      });
      for (const auto& object : page.objects) {
        if (!object.key.starts_with(prefix)) continue;
        if (object.key <= last) refuse_list();
        last = object.key;
        visit(object);
      }
      empty_pages += page.objects.empty() ? 1 : 0;
      if (empty_pages > empty_pages_max) refuse_list();
      if (page.next.empty()) return;
      next = page.next;
    }
  }

  [[noreturn]] void refuse_list() const {
    throw Error(ErrorKind::corrupt,
                fmt::format("listing objects in {}: the list does not come in order and to an end",
                            client_.store()));
  }

  template <class Parse>
  auto fetch_page(const std::string& doing, const Query& query, Parse parse) {
    const auto response =
        client_.send({.doing = doing, .query = query, .body_size_max = page_size_max});
    return base::with_context([&] { return fmt::format("{} in {}", doing, client_.store()); },
                              [&] { return parse(response.body); });
  }

  void remove_key(const std::string& key, const std::string& doing) {
    client_.send({.doing = doing, .method = "DELETE", .key = key},
                 [](const net::HttpResponse& response) { return response.status == 404; });
  }

  std::size_t remove_old_uploads() {
    const std::string doing = "listing unfinished uploads";
    const auto& own = client_.place().prefix;
    std::vector<ListedUpload> old;
    UploadPage page;
    do {
      Query query = {
          {"uploads", ""}, {"prefix", own}, {"max-uploads", std::to_string(page_objects_max)}};
      if (!page.next_key.empty()) {
        query.emplace_back("key-marker", page.next_key);
        query.emplace_back("upload-id-marker", page.next_upload);
      }
      const auto before = page.next_key + page.next_upload;
      page = fetch_page(doing, query, [](base::ByteView xml) {
        return parse_upload_page(xml, page_objects_max);
      });
      for (auto& upload : page.uploads) {
        const bool is_ours = upload.key.starts_with(own);
        if (is_ours && is_older_than_a_day(upload.initiated, client_.now())) {
          old.push_back(std::move(upload));
        }
      }
      if (!page.next_key.empty() && page.next_key + page.next_upload == before) refuse_list();
    } while (!page.next_key.empty());
    for (const auto& upload : old) {
      client_.send({.doing = "removing an upload whose writer died",
                    .method = "DELETE",
                    .key = upload.key,
                    .query = {{"uploadId", upload.upload}}},
                   [](const net::HttpResponse& response) { return response.status == 404; });
    }
    return old.size();
  }

  S3Client client_;
  S3Conditions conditions_{client_};
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
