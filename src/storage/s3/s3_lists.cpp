#include "s3_lists.hpp"

#include "base/error.hpp"
#include "s3_objects.hpp"

#include <fmt/format.h>

#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t page_objects_max = 1000;
constexpr std::size_t page_size_max = 8UL * 1024 * 1024;
constexpr int empty_pages_max = 1000;
constexpr std::size_t versions_of_key_max = 10'000;
constexpr std::int64_t day_seconds = 24L * 3600;
constexpr std::size_t second_size = 19;  // "2026-11-20T10:00:00" of "2026-11-20T10:00:00.000Z"

[[noreturn]] void refuse_list(const S3Client& client) {
  throw Error(ErrorKind::corrupt,
              fmt::format("listing objects in {}: the list does not come in order and to an end",
                          client.store()));
}

template <class Parse>
auto fetch_page(S3Client& client, const std::string& doing, const Query& query, Parse parse) {
  const auto response =
      client.send({.doing = doing, .query = query, .body_size_max = page_size_max});
  return base::with_context([&] { return fmt::format("{} in {}", doing, client.store()); },
                            [&] { return parse(response.body, page_objects_max); });
}

}  // namespace

void list_s3_objects(S3Client& client, const std::string& prefix,
                     const std::function<void(const ListedObject&)>& visit) {
  std::string last;
  int empty_pages = 0;
  for (std::string next;;) {
    const auto asked = query_of_list(client.dialect(), prefix, page_objects_max, next);
    const auto page = fetch_page(client, "listing objects", asked, parse_list_page);
    for (const auto& object : page.objects) {
      if (!object.key.starts_with(prefix)) continue;
      if (object.key <= last) refuse_list(client);
      last = object.key;
      visit(object);
    }
    empty_pages += page.objects.empty() ? 1 : 0;
    if (empty_pages > empty_pages_max) refuse_list(client);
    if (page.next.empty()) return;
    next = page.next;
  }
}

std::vector<ListedUpload> list_s3_uploads(S3Client& client, const std::string& prefix) {
  std::vector<ListedUpload> uploads;
  UploadPage page;
  do {
    Query query = {
        {"uploads", ""}, {"prefix", prefix}, {"max-uploads", std::to_string(page_objects_max)}};
    if (!page.next_key.empty()) {
      query.emplace_back("key-marker", page.next_key);
      query.emplace_back("upload-id-marker", page.next_upload);
    }
    const auto before = page.next_key + page.next_upload;
    page = fetch_page(client, "listing unfinished uploads", query, parse_upload_page);
    for (auto& upload : page.uploads) {
      if (upload.key.starts_with(prefix)) uploads.push_back(std::move(upload));
    }
    if (!page.next_key.empty() && page.next_key + page.next_upload == before) refuse_list(client);
  } while (!page.next_key.empty());
  return uploads;
}

void list_s3_versions(
    S3Client& client, const std::string& prefix,
    const std::function<bool(const std::string& key, const std::vector<ListedVersion>&)>& more) {
  std::vector<ListedVersion> of_key;
  const auto end_key = [&] {
    const bool goes_on = of_key.empty() || more(of_key.front().key, of_key);
    of_key.clear();
    return goes_on;
  };
  VersionPage page;
  do {
    Query query = {
        {"versions", ""}, {"prefix", prefix}, {"max-keys", std::to_string(page_objects_max)}};
    if (!page.next_key.empty()) {
      query.emplace_back("key-marker", page.next_key);
      if (!page.next_version.empty()) query.emplace_back("version-id-marker", page.next_version);
    }
    const auto before = page.next_key + "/" + page.next_version;
    page = fetch_page(client, "listing versions", query, parse_version_page);
    for (auto& version : page.versions) {
      if (!version.key.starts_with(prefix)) continue;
      const bool is_next = !of_key.empty() && of_key.front().key != version.key;
      if (is_next && version.key < of_key.front().key) refuse_list(client);
      if (is_next && !end_key()) return;
      if (of_key.size() == versions_of_key_max) refuse_list(client);
      of_key.push_back(std::move(version));
    }
    const bool goes_on = !page.next_key.empty();
    if (goes_on && page.next_key + "/" + page.next_version == before) refuse_list(client);
  } while (!page.next_key.empty());
  end_key();
}

std::optional<base::WallTime> parse_s3_time(const std::string& time) {
  try {
    return base::parse_time(time.substr(0, second_size) + "Z");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_input) throw;
    return std::nullopt;
  }
}

bool is_older_than_a_day(const std::string& time, base::WallTime now) {
  const auto parsed = parse_s3_time(time);
  return parsed && parsed->seconds + day_seconds < now.seconds;
}

}  // namespace holdfast::storage
