// The few documents that a store sends. They are hostile: bounded in size by whoever fetched them,
// and in everything else here.
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::storage {

/// What a store says when it does not do as asked; empty where it does not say.
struct S3Complaint {
  std::string code{};
  std::string message{};
  std::string region{};    // the right one, of a request that went to a wrong one
  std::string endpoint{};  // likewise, where a cloud names its host instead
};
/// Nothing when `xml` is no <Error>.
std::optional<S3Complaint> parse_complaint(base::ByteView xml);

struct ListedObject {
  std::string key{};
  std::uint64_t size = 0;
  std::string modified{};  // as the store writes times
  std::string storage_class{};
};
struct ListPage {
  std::vector<ListedObject> objects{};
  std::string next{};  // token or marker of the next page; empty: this is the last one
};
/// Errors: corrupt when `xml` is no list, has a size that is no number, or more than `count_max`
/// objects.
ListPage parse_list_page(base::ByteView xml, std::size_t count_max);

struct ListedUpload {
  std::string key{};
  std::string upload{};
  std::string initiated{};
};
struct UploadPage {
  std::vector<ListedUpload> uploads{};
  std::string next_key{};  // both empty: this is the last page
  std::string next_upload{};
};
UploadPage parse_upload_page(base::ByteView xml, std::size_t count_max);

/// A version of an object, or a mark that hides those below it.
struct ListedVersion {
  std::string key{};
  std::string version{};
  std::uint64_t size = 0;
  bool is_marker = false;
};
struct VersionPage {
  std::vector<ListedVersion> versions{};  // by key, the newest of each first
  std::string next_key{};                 // both empty: this is the last page
  std::string next_version{};
};
VersionPage parse_version_page(base::ByteView xml, std::size_t count_max);

/// A policy that protects every object of a bucket.
struct WormPolicy {
  bool is_locked = false;  // for good: it cannot be taken back
  std::int64_t period_seconds = 0;
};
/// Errors: corrupt when `xml` is no such policy.
WormPolicy parse_worm_policy(base::ByteView xml);

/// The id of an upload that was begun. Errors: corrupt.
std::string parse_upload_id(base::ByteView xml);

struct FinishedPart {
  int number = 0;
  std::string etag{};
};
/// The request that puts parts together.
std::string complete_upload_xml(const std::vector<FinishedPart>& parts);
/// The request that locks a version: `mode` is "COMPLIANCE" or "GOVERNANCE".
std::string retention_xml(const std::string& mode, base::WallTime until);
/// `status` is "ON" or "OFF".
std::string legal_hold_xml(const char* status);
/// The request for a copy of an archived object that can be read for some days. `element` has the
/// speed; empty: it has none.
std::string thaw_xml(std::uint32_t days, std::string_view element, std::string_view speed);
/// The request that makes a bucket in `region`.
std::string create_bucket_xml(const std::string& region);

}  // namespace holdfast::storage
