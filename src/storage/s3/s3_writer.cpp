// An object must be created by one writer only, and a writer whose reply got lost must find out
// whether it was the one. Each puts a random mark into the metadata of its object: when the name
// turns out to be taken, the mark tells by whom.
//
// Small objects are one PUT with If-None-Match, or what says the same in a dialect. Large ones are
// multipart uploads; not every store that obeys the condition at a PUT does so at the end of an
// upload. There the writer first claims the name by a small object of its own beside it, created
// exclusively, looks whether the name is still free, completes the upload, and takes the claim
// away. A claim whose writer died is removed with other leftovers, after a day.
//
// A bucket that keeps versions and ignores the condition (Ceph) takes every PUT. There each writer
// looks at the versions afterwards: the first one counts, and who wrote another destroys it. Such
// an object is locked only then, for what lost must go.

#include "s3_writer.hpp"

#include "base/error.hpp"
#include "multipart_upload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

class S3Writer final : public ObjectWriter {
public:
  S3Writer(const S3Writing& with, std::string name, std::string key)
      : client_(with.client),
        conditions_(with.conditions),
        versions_(with.versions),
        locks_(with.locks),
        worm_(with.worm),
        name_(std::move(name)),
        key_(std::move(key)),
        mark_(with.client.make_mark()) {}

  void is_content() override { use_ = ObjectUse::content; }

  void append(base::ByteView bytes) override {
    size_ += bytes.size();
    while (!bytes.empty()) {
      if (buffer_.capacity() == 0) buffer_ = base::Buffer(MultipartUpload::part_size);
      if (buffer_.room() == 0) send_part();
      const auto part = bytes.first(std::min(bytes.size(), buffer_.room()));
      buffer_.append(part);
      bytes = bytes.subspan(part.size());
    }
  }

  PutOutcome commit() override {
    if (!upload_) return settle_locks(put_whole());
    upload_->add(std::move(buffer_));
    const auto outcome = complete();
    upload_.reset();
    return settle_locks(outcome);
  }

private:
  std::string doing() const { return "storing " + name_; }
  net::Headers headers() const { return headers_of_new_object(client_, mark_, use_); }
  net::Header only_if_absent() const { return client_.dialect().only_if_absent(); }
  net::Headers headers_with_lock() const {
    auto headers = this->headers();
    if (has_own_lock() && !conditions_.versions_decide()) locks_.add_headers(headers);
    return headers;
  }
  bool has_own_lock() const { return locks_.locks_by_object() && locks_.wants(name_); }
  PutOutcome settle_locks(PutOutcome outcome) {
    const bool late = outcome == PutOutcome::stored && conditions_.versions_decide();
    if (late && has_own_lock()) locks_.lock_new(key_, name_);
    if (outcome == PutOutcome::already_there) expect_shown();
    return outcome;
  }
  /// What is there may have been removed, and be protected yet.
  void expect_shown() {
    if (!worm_.may_protect() || !worm_.hides(name_)) return;
    throw Error(ErrorKind::conflict,
                fmt::format("{} in {}: an object of that name was removed, and is protected by the "
                            "retention policy of the bucket",
                            doing(), client_.store()))
        .set_hint("the name is free again when a prune runs after its days are over");
  }

  /// Only called when more follows: a part that is not the last has the full size.
  void send_part() {
    if (!upload_) {
      upload_ = std::make_unique<MultipartUpload>(client_, doing(), key_, headers_with_lock());
    }
    upload_->add(std::exchange(buffer_, base::Buffer(MultipartUpload::part_size)));
  }

  PutOutcome ours_or_not() {
    if (conditions_.versions_decide())
      return first_is_ours() ? PutOutcome::stored : PutOutcome::already_there;
    return is_ours(look_at_object(client_, key_, name_)) ? PutOutcome::stored
                                                         : PutOutcome::already_there;
  }

  /// Whole, too: some servers keep the beginning of a body whose connection was cut.
  bool is_ours(const std::optional<StoredObject>& there) const {
    if (!there || there->mark != mark_) return false;
    if (there->size == size_) return true;
    throw Error(ErrorKind::corrupt, fmt::format("{} in {}: the store keeps {} bytes of {}", doing(),
                                                client_.store(), there->size, size_))
        .set_hint("it takes uploads that were cut for whole ones: remove this object there");
  }

  /// Of the versions since the name was last free. Destroys ours but for the first of all.
  bool first_is_ours() {
    const auto versions = versions_.of(key_);
    const auto end = std::ranges::find(versions, true, &ListedVersion::is_marker);
    bool is_first = false;
    for (auto at = versions.begin(); at != end; ++at) {
      const auto ours = is_ours(look_at_object(client_, key_, name_, at->version));
      if (ours && at + 1 != end) versions_.destroy(key_, at->version);
      is_first = ours;
    }
    return is_first;
  }

  net::HttpResponse put(const std::string& key, net::Headers headers, base::ByteView body) {
    return client_.send({.doing = doing(),
                         .method = "PUT",
                         .key = key,
                         .headers = std::move(headers),
                         .body = body},
                        says_name_is_taken);
  }

  PutOutcome put_whole() {
    auto headers = headers_with_lock();
    if (!conditions_.put_is_exclusive()) {
      if (look_at_object(client_, key_, name_)) return PutOutcome::already_there;
      put(key_, std::move(headers), buffer_.view());
      return ours_or_not();
    }
    headers.push_back(only_if_absent());
    const auto response = put(key_, std::move(headers), buffer_.view());
    return says_name_is_taken(response) ? ours_or_not() : PutOutcome::stored;
  }

  PutOutcome complete() {
    if (!conditions_.put_is_exclusive()) return complete_by_looking();
    if (conditions_.complete_is_exclusive()) return settle(upload_->complete({only_if_absent()}));
    const auto claim = claims_prefix(client_) + name_;
    if (!claim_name(claim)) return PutOutcome::already_there;
    const auto outcome = complete_by_looking();
    remove_claim(claim);
    return outcome;
  }

  PutOutcome complete_by_looking() {
    if (look_at_object(client_, key_, name_)) return PutOutcome::already_there;
    const auto outcome = settle(upload_->complete({}));
    return outcome == PutOutcome::stored ? ours_or_not() : outcome;
  }

  PutOutcome settle(MultipartUpload::Outcome outcome) {
    if (outcome == MultipartUpload::Outcome::done) return PutOutcome::stored;
    const auto whose = ours_or_not();
    const bool is_lost =
        outcome == MultipartUpload::Outcome::lost && whose == PutOutcome::already_there;
    if (is_lost && !look_at_object(client_, key_, name_)) {
      throw Error(ErrorKind::conflict,
                  fmt::format("{} in {}: the store lost the upload before it was complete", doing(),
                              client_.store()))
          .set_hint("check rules of the bucket that end uploads early, and run it again");
    }
    return whose;
  }

  /// False when the object is there already.
  bool claim_name(const std::string& claim) {
    auto headers = this->headers();
    headers.push_back(only_if_absent());
    if (!says_name_is_taken(put(claim, std::move(headers), {}))) return true;
    const auto other = look_at_object(client_, claim, name_);
    if (other && other->mark == mark_) return true;
    if (look_at_object(client_, key_, name_)) return false;
    throw Error(ErrorKind::conflict,
                fmt::format("{} in {}: another writer stores it at this moment, or died doing so",
                            doing(), client_.store()))
        .set_hint("run it again; what a dead writer left goes after a day");
  }

  void remove_claim(const std::string& claim) {
    try {
      client_.send({.doing = doing(), .method = "DELETE", .key = claim}, says_it_is_protected);
    } catch (const Error& error) {
      // Who may not delete leaves it: it is small, and only keeps a name that is taken now.
      if (error.kind() != ErrorKind::access_denied) throw;
    }
  }

  S3Client& client_;
  S3Conditions& conditions_;
  S3Versions& versions_;
  S3Locks& locks_;
  BucketWorm& worm_;
  const std::string name_;
  const std::string key_;
  const std::string mark_;
  ObjectUse use_ = ObjectUse::metadata;
  std::uint64_t size_ = 0;
  base::Buffer buffer_;
  std::unique_ptr<MultipartUpload> upload_;
};

}  // namespace

std::unique_ptr<ObjectWriter> write_s3_object(const S3Writing& with, std::string name,
                                              std::string key) {
  return std::make_unique<S3Writer>(with, std::move(name), std::move(key));
}

std::string claims_prefix(const S3Client& client) { return hidden_key(client, "claims/"); }

}  // namespace holdfast::storage
