#include "xml.hpp"

#include "base/error.hpp"

#include <fmt/format.h>
#include <pugixml.hpp>

#include <charconv>
#include <cstring>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t text_size_max = 2048;  // a key has at most 1024 bytes

[[noreturn]] void refuse(const char* what) {
  throw Error(ErrorKind::corrupt, fmt::format("the store's answer {}", what))
      .set_hint("check whether the endpoint speaks the S3 protocol");
}

/// pugixml neither recurses nor resolves entities of a document's own.
pugi::xml_document parse(base::ByteView xml) {
  pugi::xml_document document;
  document.load_buffer(xml.data(), xml.size());
  return document;
}

/// The root element when it has that name; some stores write it with a prefix.
pugi::xml_node root_of(const pugi::xml_document& document, const char* name) {
  const auto root = document.document_element();
  const char* const colon = std::strchr(root.name(), ':');
  const char* const local = colon == nullptr ? root.name() : colon + 1;
  return std::strcmp(local, name) == 0 ? root : pugi::xml_node();
}

std::string text_of(const pugi::xml_node& node, const char* name) {
  const char* const text = node.child_value(name);
  if (std::strlen(text) > text_size_max) refuse("has a text that is too long");
  return text;
}

std::uint64_t number_of(const pugi::xml_node& node, const char* name) {
  const auto text = text_of(node, name);
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
  const auto document = parse(xml);
  const auto root = root_of(document, "Error");
  if (!root) return std::nullopt;
  return S3Complaint{text_of(root, "Code"), text_of(root, "Message"), text_of(root, "Region")};
}

ListPage parse_list_page(base::ByteView xml, std::size_t count_max) {
  const auto document = parse(xml);
  const auto root = root_of(document, "ListBucketResult");
  if (!root) refuse("is no list of objects");
  ListPage page;
  for (const auto& object : root.children("Contents")) {
    if (page.objects.size() == count_max) refuse("lists more objects than were asked for");
    page.objects.push_back(
        {text_of(object, "Key"), number_of(object, "Size"), text_of(object, "LastModified")});
  }
  if (text_of(root, "IsTruncated") != "true") return page;
  page.next = text_of(root, "NextContinuationToken");
  if (page.next.empty()) refuse("says that the list goes on, and not where");
  return page;
}

UploadPage parse_upload_page(base::ByteView xml, std::size_t count_max) {
  const auto document = parse(xml);
  const auto root = root_of(document, "ListMultipartUploadsResult");
  if (!root) refuse("is no list of uploads");
  UploadPage page;
  for (const auto& upload : root.children("Upload")) {
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

std::string parse_upload_id(base::ByteView xml) {
  const auto document = parse(xml);
  auto id = text_of(root_of(document, "InitiateMultipartUploadResult"), "UploadId");
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

std::string create_bucket_xml(const std::string& region) {
  return fmt::format(
      "<CreateBucketConfiguration xmlns=\"{}\"><LocationConstraint>{}</LocationConstraint>"
      "</CreateBucketConfiguration>",
      space_of_names, escaped(region));
}

}  // namespace holdfast::storage
