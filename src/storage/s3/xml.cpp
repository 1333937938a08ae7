#include "xml.hpp"

#include "base/error.hpp"
#include "net/xml.hpp"

#include <fmt/format.h>

#include <charconv>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t text_size_max = 2048;  // a key has at most 1024 bytes

[[noreturn]] void refuse(const char* what) {
  throw Error(ErrorKind::corrupt, fmt::format("the store's answer {}", what))
      .set_hint("check whether the endpoint speaks the S3 protocol");
}

std::string text_of(const net::XmlElement& element, const char* name) {
  const auto text = element.child(name).text();
  if (text.size() > text_size_max) refuse("has a text that is too long");
  return std::string(text);
}

std::uint64_t number_of(const net::XmlElement& element, const char* name) {
  const auto text = text_of(element, name);
  std::uint64_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto [last, code] = std::from_chars(text.data(), end, number);
  if (text.empty() || code != std::errc{} || last != end) refuse("has a size that is no number");
  return number;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

constexpr const char* space_of_names = "http://s3.amazonaws.com/doc/2006-03-01/";

}  // namespace

std::optional<S3Complaint> parse_complaint(base::ByteView xml) {
  const net::XmlDocument document(xml);
  const auto root = document.root("Error");
  if (!root) return std::nullopt;
  return S3Complaint{text_of(root, "Code"), text_of(root, "Message"), text_of(root, "Region"),
                     text_of(root, "Endpoint")};
}

ListPage parse_list_page(base::ByteView xml, std::size_t count_max) {
  const net::XmlDocument document(xml);
  const auto root = document.root("ListBucketResult");
  if (!root) refuse("is no list of objects");
  ListPage page;
  for (auto object = root.child("Contents"); object; object = object.next("Contents")) {
    if (page.objects.size() == count_max) refuse("lists more objects than were asked for");
    page.objects.push_back({text_of(object, "Key"), number_of(object, "Size"),
                            text_of(object, "LastModified"), text_of(object, "StorageClass")});
  }
  if (text_of(root, "IsTruncated") != "true") return page;
  page.next = text_of(root, "NextContinuationToken");
  if (page.next.empty()) page.next = text_of(root, "NextMarker");
  if (page.next.empty()) refuse("says that the list goes on, and not where");
  return page;
}

UploadPage parse_upload_page(base::ByteView xml, std::size_t count_max) {
  const net::XmlDocument document(xml);
  const auto root = document.root("ListMultipartUploadsResult");
  if (!root) refuse("is no list of uploads");
  UploadPage page;
  for (auto upload = root.child("Upload"); upload; upload = upload.next("Upload")) {
    if (page.uploads.size() == count_max) refuse("lists more uploads than were asked for");
    page.uploads.push_back(
        {text_of(upload, "Key"), text_of(upload, "UploadId"), text_of(upload, "Initiated")});
  }
  if (text_of(root, "IsTruncated") != "true") return page;
  page.next_key = text_of(root, "NextKeyMarker");
  page.next_upload = text_of(root, "NextUploadIdMarker");
  if (page.next_key.empty()) refuse("says that the list goes on, and not where");
  return page;
}

VersionPage parse_version_page(base::ByteView xml, std::size_t count_max) {
  const net::XmlDocument document(xml);
  const auto root = document.root("ListVersionsResult");
  if (!root) refuse("is no list of versions");
  VersionPage page;
  for (auto entry = root.first(); entry; entry = entry.next()) {
    const bool is_marker = entry.name() == "DeleteMarker";
    if (!is_marker && entry.name() != "Version") continue;
    if (page.versions.size() == count_max) refuse("lists more versions than were asked for");
    const auto size = is_marker ? 0 : number_of(entry, "Size");
    page.versions.push_back({text_of(entry, "Key"), text_of(entry, "VersionId"), size, is_marker});
  }
  if (text_of(root, "IsTruncated") != "true") return page;
  page.next_key = text_of(root, "NextKeyMarker");
  page.next_version = text_of(root, "NextVersionIdMarker");
  if (page.next_key.empty()) refuse("says that the list goes on, and not where");
  return page;
}

WormPolicy parse_worm_policy(base::ByteView xml) {
  constexpr std::int64_t day_seconds = 24L * 3600;
  constexpr std::uint64_t days_max = 25'550;  // 70 years, as documented
  const net::XmlDocument document(xml);
  const auto root = document.root("WormConfiguration");
  if (!root) refuse("is no retention policy");
  const auto days = number_of(root, "RetentionPeriodInDays");
  if (days == 0 || days > days_max) refuse("has a retention period that cannot be");
  return {text_of(root, "State") == "Locked", static_cast<std::int64_t>(days) * day_seconds};
}

std::string parse_upload_id(base::ByteView xml) {
  const net::XmlDocument document(xml);
  auto id = text_of(document.root("InitiateMultipartUploadResult"), "UploadId");
  if (id.empty()) refuse("names no upload");
  return id;
}

std::string complete_upload_xml(const std::vector<FinishedPart>& parts) {
  std::string xml = fmt::format("<CompleteMultipartUpload xmlns=\"{}\">", space_of_names);
  for (const auto& part : parts) {
    xml += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", part.number,
                       escaped(part.etag));
  }
  return xml + "</CompleteMultipartUpload>";
}

std::string retention_xml(const std::string& mode, base::WallTime until) {
  return fmt::format(
      "<Retention xmlns=\"{}\"><Mode>{}</Mode><RetainUntilDate>{}</RetainUntilDate></Retention>",
      space_of_names, mode, until.to_iso());
}

std::string legal_hold_xml(const char* status) {
  return fmt::format("<LegalHold xmlns=\"{}\"><Status>{}</Status></LegalHold>", space_of_names,
                     status);
}

std::string thaw_xml(std::uint32_t days, std::string_view element, std::string_view speed) {
  const auto parameters =
      element.empty() ? std::string() : fmt::format("<{0}><Tier>{1}</Tier></{0}>", element, speed);
  return fmt::format("<RestoreRequest><Days>{}</Days>{}</RestoreRequest>", days, parameters);
}

std::string create_bucket_xml(const std::string& region) {
  return fmt::format(
      "<CreateBucketConfiguration xmlns=\"{}\"><LocationConstraint>{}</LocationConstraint>"
      "</CreateBucketConfiguration>",
      space_of_names, escaped(region));
}

}  // namespace holdfast::storage
