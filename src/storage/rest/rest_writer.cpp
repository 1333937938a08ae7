// An object of one part is one PUT. A larger one is an upload under a random id that the server
// keeps beside the objects: parts follow each other, one on the way while the next is filled, each
// with its offset and digest, so that a part whose reply got lost is sent again and known; at last
// the upload becomes the object. Replies to that get lost too: whether the object there is ours is
// told by its digest.

#include "rest_writer.hpp"

#include "base/error.hpp"
#include "crypto/blake3.hpp"
#include "rest_objects.hpp"
#include "storage/rest/rest_protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

class RestWriter final : public ObjectWriter {
public:
  RestWriter(RestClient& client, std::string name) : client_(client), name_(std::move(name)) {}
  ~RestWriter() override {
    part_.transfer.reset();
    if (id_.empty() || done_) return;
    try {
      client_.start({.doing = doing(), .method = "DELETE", .path = path()})->wait();
    } catch (const Error&) {  // the server forgets it after a day
      return;
    } catch (const base::Cancelled&) {
      return;
    }
  }

  void append(base::ByteView bytes) override {
    digest_.update(bytes);
    while (!bytes.empty()) {
      if (buffer_.capacity() == 0) buffer_ = base::Buffer(rest_part_size_max);
      if (buffer_.room() == 0) send_part();
      const auto part = bytes.first(std::min(bytes.size(), buffer_.room()));
      buffer_.append(part);
      bytes = bytes.subspan(part.size());
    }
  }

  PutOutcome commit() override {
    const auto digest = digest_.finish();
    if (id_.empty()) return put_whole(digest);
    send_part();
    settle_part();
    const auto outcome = complete(digest);
    done_ = true;
    return outcome;
  }

private:
  struct Part {
    base::Buffer bytes{};
    RestRequest request{};
    std::unique_ptr<net::Transfer> transfer{};  // last: it ends before what it sends
  };

  std::string doing() const { return "storing " + name_; }
  std::string path() const { return "uploads/" + id_; }
  static net::Headers with_digest(const base::Hash& digest) {
    return {{rest_digest_header, digest.hex()}};
  }

  PutOutcome put_whole(const base::Hash& digest) {
    const auto response = client_.send({.doing = doing(),
                                        .method = "PUT",
                                        .path = "objects/" + name_,
                                        .headers = with_digest(digest),
                                        .body = buffer_.view()},
                                       is_taken);
    return response.is_success() ? PutOutcome::stored : ours_or_not(digest);
  }

  void send_part() {
    settle_part();
    if (id_.empty()) id_ = client_.make_id();
    part_.bytes = std::exchange(buffer_, base::Buffer(rest_part_size_max));
    const auto bytes = part_.bytes.view();
    part_.request = {.doing = fmt::format("{}, from byte {}", doing(), sent_),
                     .method = "PUT",
                     .path = path(),
                     .query = fmt::format("offset={}&name={}", sent_, name_),
                     .headers = with_digest(crypto::blake3(bytes)),
                     .body = bytes};
    sent_ += bytes.size();
    part_.transfer = client_.start(part_.request);
  }

  void settle_part() {
    if (lacks_part_) throw_incomplete();
    if (!part_.transfer) return;
    lacks_part_ = true;  // until it is known to be there
    const auto response = client_.retrier().run([&](int failed) {
      if (failed > 0) part_.transfer = client_.start(part_.request);
      return client_.wait(*part_.transfer, part_.request, [](const net::HttpResponse& reply) {
        return is_missing(reply, rest_missing_upload);
      });
    });
    part_.transfer.reset();
    if (!response.is_success()) throw_lost();
    lacks_part_ = false;
  }

  PutOutcome complete(const base::Hash& digest) {
    auto headers = with_digest(digest);
    headers.push_back({rest_size_header, std::to_string(sent_)});
    const auto response =
        client_.send({.doing = doing(),
                      .method = "POST",
                      .path = path(),
                      .query = "name=" + name_,
                      .headers = std::move(headers)},
                     [](const net::HttpResponse& reply) {
                       return is_taken(reply) || is_missing(reply, rest_missing_upload);
                     });
    return response.is_success() ? PutOutcome::stored : ours_or_not(digest);
  }

  /// The object is there, or was; the request may have been sent twice, also by the HTTP client.
  PutOutcome ours_or_not(const base::Hash& digest) {
    const auto there = look_at_object(client_, name_, WantDigest::yes);
    if (there) return there->digest == digest ? PutOutcome::stored : PutOutcome::already_there;
    if (id_.empty()) return PutOutcome::already_there;  // and went again
    throw_lost();
  }

  [[noreturn]] void throw_incomplete() const {
    throw Error(ErrorKind::unavailable,
                fmt::format("{} in {}: a part was not stored", doing(), client_.store()))
        .set_retry(base::Retry::never);
  }

  [[noreturn]] void throw_lost() const {
    throw Error(ErrorKind::unavailable,
                fmt::format("{} in {}: the server has lost the upload", doing(), client_.store()))
        .set_retry(base::Retry::never)
        .set_hint("it was probably restarted: run it again, what was stored already is used");
  }

  RestClient& client_;
  const std::string name_;
  crypto::Blake3 digest_;
  std::string id_;  // of the upload; empty: none yet
  std::uint64_t sent_ = 0;
  bool done_ = false;
  bool lacks_part_ = false;
  base::Buffer buffer_;
  Part part_;
};

}  // namespace

std::unique_ptr<ObjectWriter> write_rest_object(RestClient& client, std::string name) {
  return std::make_unique<RestWriter>(client, std::move(name));
}

}  // namespace holdfast::storage
