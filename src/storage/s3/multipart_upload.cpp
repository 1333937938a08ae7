#include "multipart_upload.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

/// With the one that is filled: 20 MiB for each writer.
constexpr std::size_t parts_under_way_max = 3;

}  // namespace

MultipartUpload::MultipartUpload(S3Client& client, std::string doing, std::string key,
                                 net::Headers headers)
    : client_(client), doing_(std::move(doing)), key_(std::move(key)) {
  const auto response = client_.send({.doing = doing_,
                                      .method = "POST",
                                      .key = key_,
                                      .query = {{"uploads", ""}},
                                      .headers = std::move(headers)});
  id_ = base::with_context([&] { return fmt::format("{} in {}", doing_, client_.store()); },
                           [&] { return parse_upload_id(response.body); });
}

MultipartUpload::~MultipartUpload() {
  under_way_.clear();
  if (done_) return;
  const S3Request request{
      .doing = doing_, .method = "DELETE", .key = key_, .query = {{"uploadId", id_}}};
  try {
    client_.start(request)->wait();
  } catch (const Error&) {  // remove_leftovers finds it
    return;
  } catch (const base::Cancelled&) {
    return;
  }
}

void MultipartUpload::add(base::Buffer bytes) {
  require_whole();
  if (under_way_.size() == parts_under_way_max) settle_oldest();
  auto& part = under_way_.emplace_back();
  part.number = ++parts_;
  part.bytes = std::move(bytes);
  part.request = {.doing = fmt::format("{}, part {}", doing_, part.number),
                  .method = "PUT",
                  .key = key_,
                  .query = {{"partNumber", std::to_string(part.number)}, {"uploadId", id_}},
                  .body = part.bytes.view()};
  part.transfer = client_.start(part.request);
}

void MultipartUpload::require_whole() const {
  if (finished_.size() + under_way_.size() == static_cast<std::size_t>(parts_)) return;
  throw Error(ErrorKind::unavailable,
              fmt::format("{} in {}: a part was not stored", doing_, client_.store()))
      .set_retry(base::Retry::never);
}

void MultipartUpload::settle_oldest() {
  auto part = std::move(under_way_.front());
  under_way_.pop_front();
  const auto response = client_.retrier().run([&](int failed) {
    if (failed > 0) part.transfer = client_.start(part.request);
    return client_.wait(*part.transfer, part.request, [](const auto&) { return false; });
  });
  const auto etag = net::find_header(response.headers, "etag");
  if (!etag || etag->empty()) {
    throw Error(ErrorKind::corrupt, fmt::format("{} in {}: the store does not confirm the part",
                                                part.request.doing, client_.store()));
  }
  finished_.push_back({part.number, *etag});
}

MultipartUpload::Outcome MultipartUpload::complete(net::Headers headers) {
  require_whole();
  while (!under_way_.empty())
    settle_oldest();
  const auto xml = complete_upload_xml(finished_);
  const S3Request request{.doing = doing_,
                          .method = "POST",
                          .key = key_,
                          .query = {{"uploadId", id_}},
                          .headers = std::move(headers),
                          .body = base::as_bytes(xml)};
  const auto outcome = client_.retrier().run([&](int) {
    const auto response =
        client_.wait(*client_.start(request), request, [](const net::HttpResponse& reply) {
          return says_name_is_taken(reply) || s3_code(reply) == "NoSuchUpload";
        });
    return outcome_of(response, fmt::format("{} in {}", doing_, client_.store()));
  });
  done_ = outcome == Outcome::done;
  return outcome;
}

MultipartUpload::Outcome MultipartUpload::outcome_of(const net::HttpResponse& response,
                                                     const std::string& doing) const {
  // The status is sent before the parts are put together; a failure comes after it.
  if (says_name_is_taken(response)) return Outcome::name_taken;
  const auto code = s3_code(response);
  if (code == "NoSuchUpload") return Outcome::lost;
  if (!code.empty()) throw s3_error(response, doing);
  return Outcome::done;
}

}  // namespace holdfast::storage
