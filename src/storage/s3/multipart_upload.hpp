#pragma once

#include "s3_client.hpp"
#include "xml.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::storage {

/// An object on its way in parts, some of them at the same time; each that got lost is sent again
/// alone. Dropping it before it is complete takes back what was sent.
/// Threads: one at a time.
class MultipartUpload {
public:
  /// What all parts but the last must have at least.
  static constexpr std::size_t part_size = 5UL * 1024 * 1024;

  /// Begins it. `doing` is for messages.
  MultipartUpload(S3Client& client, std::string doing, std::string key, net::Headers headers);
  ~MultipartUpload();
  MultipartUpload(const MultipartUpload&) = delete;
  MultipartUpload& operator=(const MultipartUpload&) = delete;

  /// Begins to send a part; waits for an earlier one when too many are under way.
  void add(base::Buffer bytes);
  /// `lost`: there is no such upload any more, perhaps because it was completed and the reply got
  /// lost.
  enum class Outcome : std::uint8_t { done, name_taken, lost };
  /// Waits for all parts and makes the object of them.
  Outcome complete(net::Headers headers);

private:
  struct Part {
    int number = 0;
    base::Buffer bytes{};
    S3Request request{};
    std::unique_ptr<net::Transfer> transfer{};  // last: it ends before what it sends
  };
  /// Errors: unavailable when a part failed: no other may be sent, and none completed.
  void require_whole() const;
  void settle_oldest();
  /// Reads what became of it out of a reply whose status is success, whatever is in it.
  Outcome outcome_of(const net::HttpResponse& response, const std::string& doing) const;

  S3Client& client_;
  const std::string doing_;
  const std::string key_;
  std::string id_{};
  int parts_ = 0;
  std::deque<Part> under_way_;
  std::vector<FinishedPart> finished_;
  bool done_ = false;
};

}  // namespace holdfast::storage
