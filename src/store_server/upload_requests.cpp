#include "request.hpp"
#include "rights.hpp"
#include "storage/rest/rest_protocol.hpp"

#include <fmt/format.h>

namespace holdfast::store_server {

using base::ErrorKind;

namespace {

constexpr int status_created = 201;
constexpr int status_no_content = 204;

[[noreturn]] void refuse_missing() {
  throw Refusal(status_not_found, ErrorKind::not_found, "there is no such upload",
                std::string(storage::rest_missing_upload));
}

/// Drops the upload unless all went well: what was half written cannot be gone on with.
class DropUnlessDone {
public:
  DropUnlessDone(const Request& request, Uploads& uploads) : request_(request), uploads_(uploads) {}
  ~DropUnlessDone() {
    if (!done_) uploads_.drop(request_.token.name, request_.target.upload);
  }
  DropUnlessDone(const DropUnlessDone&) = delete;
  DropUnlessDone& operator=(const DropUnlessDone&) = delete;
  void done() { done_ = true; }

private:
  const Request& request_;
  Uploads& uploads_;
  bool done_ = false;
};

void require_same_object(const Request& request, const Upload& upload) {
  if (!upload.writer || upload.repository->name != request.repository->name) refuse_missing();
  if (upload.name == request.target.name) return;
  throw Refusal(status_bad_request, ErrorKind::invalid_input, "the upload is of another object");
}

void add_part(const Request& request, Uploads& uploads) {
  require_create(request.token, request.target.name);
  const auto body = read_body(request.exchange);
  const auto& target = request.target;
  auto upload = uploads.find(request.token.name, target.upload);
  if (!upload) {
    if (target.offset != 0) refuse_missing();
    upload = uploads.begin(request.token.name, target.upload, request.repository, target.name);
  }
  const std::lock_guard lock(upload->mutex);
  require_same_object(request, *upload);
  const bool is_known =
      target.offset <= upload->size && body.size() <= upload->size - target.offset;
  if (!is_known) {
    if (target.offset != upload->size) {
      throw Refusal(status_bad_request, ErrorKind::invalid_input,
                    "the parts do not follow each other");
    }
    DropUnlessDone guard(request, uploads);
    upload->reservation.add(body.size());
    upload->writer->append(body.view());
    upload->digest.update(body.view());
    upload->size += body.size();
    guard.done();
  }
  request.exchange.reply({status_no_content, {}, ""});
}

void complete(const Request& request, Uploads& uploads) {
  require_create(request.token, request.target.name);
  const auto digest = expected_digest(request.exchange);
  const auto size = header_of(request.exchange, storage::rest_size_header);
  const auto upload = uploads.find(request.token.name, request.target.upload);
  if (!upload) refuse_missing();
  const std::lock_guard lock(upload->mutex);
  require_same_object(request, *upload);
  const DropUnlessDone guard(request, uploads);  // whatever comes of it, it is over
  const auto writer = std::move(upload->writer);
  if (std::to_string(upload->size) != size || upload->digest.finish() != digest) refuse_damaged();
  if (writer->commit() != storage::PutOutcome::stored) refuse_taken(upload->name);
  upload->reservation.keep();
  request.exchange.reply({status_created, {}, ""});
}

}  // namespace

void serve_upload(const Request& request, Uploads& uploads) {
  if (request.method() == "DELETE") {
    uploads.drop(request.token.name, request.target.upload);
    request.exchange.reply({status_no_content, {}, ""});
    return;
  }
  if (request.target.name.empty()) {
    throw Refusal(status_bad_request, ErrorKind::invalid_input, "the upload has no name");
  }
  if (request.method() == "PUT") return add_part(request, uploads);
  if (request.method() == "POST") return complete(request, uploads);
  refuse_method();
}

}  // namespace holdfast::store_server
