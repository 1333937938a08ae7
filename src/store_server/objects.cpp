#include "request.hpp"
#include "rights.hpp"
#include "storage/rest/rest_protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <vector>

namespace holdfast::store_server {

using base::Error;
using base::ErrorKind;
using storage::ObjectInfo;

namespace {

constexpr int status_created = 201;
constexpr int status_no_content = 204;
constexpr int status_partial = 206;
/// Of objects that are read to be sent or hashed.
constexpr std::size_t piece_size = 512UL * 1024;

[[noreturn]] void refuse_missing(const Request& request) {
  throw Refusal(status_not_found, ErrorKind::not_found,
                fmt::format("there is no object {}", request.target.name),
                std::string(storage::rest_missing_object));
}

ObjectInfo require_object(const Request& request) {
  const auto info = request.repository->backend->stat(request.target.name);
  if (!info) refuse_missing(request);
  return *info;
}

/// Gives `use` the bytes from `first` on, `size` of them. Errors: not_found or corrupt when the
/// object goes or ends meanwhile.
template <class Use>
void read_pieces(const Request& request, std::uint64_t first, std::uint64_t size, Use use) {
  base::Buffer piece(static_cast<std::size_t>(std::min<std::uint64_t>(size, piece_size)));
  for (std::uint64_t done = 0; done < size;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size - done, piece_size));
    const auto into = piece.all().first(wanted);
    const auto count = request.repository->backend->read(request.target.name, first + done, into);
    if (count == 0) {
      throw Error(ErrorKind::corrupt, fmt::format("{} ended early", request.target.name));
    }
    use(base::ByteView(into.first(count)));
    done += count;
  }
}

void describe(const Request& request) {
  const auto info = require_object(request);
  http_server::Reply reply{200, {{storage::rest_size_header, std::to_string(info.size)}}, ""};
  if (!header_of(request.exchange, storage::rest_want_digest_header).empty()) {
    crypto::Blake3 digest;
    read_pieces(request, 0, info.size, [&](base::ByteView piece) { digest.update(piece); });
    reply.headers.push_back({storage::rest_digest_header, digest.finish().hex()});
  }
  request.exchange.begin_reply(std::move(reply), info.size);
}

void send(const Request& request) {
  const auto info = require_object(request);
  http_server::Reply head{200, {{"Content-Type", "application/octet-stream"}}, ""};
  std::uint64_t first = 0;
  auto size = info.size;
  if (const auto range = parse_range(header_of(request.exchange, "range"))) {
    if (range->first >= info.size) {
      request.exchange.reply(
          {status_bad_range, {{"Content-Range", fmt::format("bytes */{}", info.size)}}, ""});
      return;
    }
    const auto last = std::min(range->last.value_or(info.size - 1), info.size - 1);
    first = range->first;
    size = last - first + 1;
    head.status = status_partial;
    head.headers.push_back(
        {"Content-Range", fmt::format("bytes {}-{}/{}", first, last, info.size)});
  }
  request.exchange.begin_reply(std::move(head), size);
  read_pieces(request, first, size, [&](base::ByteView piece) { request.exchange.write(piece); });
}

void store(const Request& request) {
  require_create(request.token, request.target.name);
  const auto body = read_body(request.exchange);
  auto& repository = *request.repository;
  Reservation room(repository.quota);
  // Who stores it again shall hear that it is there, also when nothing fits any more.
  if (!repository.backend->stat(request.target.name)) {
    room.add(body.size());
    const auto writer = repository.backend->create(request.target.name);
    writer->append(body.view());
    if (writer->commit() == storage::PutOutcome::stored) {
      room.keep();
      request.exchange.reply({status_created, {}, ""});
      return;
    }
  }
  refuse_taken(request.target.name);
}

void remove(const Request& request) {
  auto& repository = *request.repository;
  const auto& name = request.target.name;
  require_remove(request.token, name, *repository.backend);
  const auto info = require_object(request);
  if (repository.backend->remove(name) == storage::RemoveOutcome::was_absent)
    refuse_missing(request);
  repository.quota.give_back(info.size);
  request.exchange.reply({status_no_content, {}, ""});
}

struct ByName {
  bool operator()(const ObjectInfo& a, const ObjectInfo& b) const { return a.name < b.name; }
};

}  // namespace

void serve_object(const Request& request) {
  if (request.method() == "GET") return send(request);
  if (request.method() == "HEAD") return describe(request);
  if (request.method() == "PUT") return store(request);
  if (request.method() == "DELETE") return remove(request);
  refuse_method();
}

void serve_list(const Request& request) {
  if (request.method() != "GET") refuse_method();
  // The first ones beyond `after`, however many there are: the last of them on top.
  std::priority_queue<ObjectInfo, std::vector<ObjectInfo>, ByName> first;
  storage::RestListPage page;
  request.repository->backend->list(request.target.prefix, [&](const ObjectInfo& object) {
    if (object.name <= request.target.after) return;
    const bool is_full = first.size() == storage::rest_list_objects_max;
    page.has_more = page.has_more || is_full;
    if (is_full && first.top().name < object.name) return;
    if (is_full) first.pop();
    first.push(object);
  });
  for (; !first.empty(); first.pop())
    page.objects.push_back(first.top());
  std::ranges::reverse(page.objects);
  request.exchange.reply({200, {{"Content-Type", "text/plain"}}, storage::format_list_page(page)});
}

}  // namespace holdfast::store_server
