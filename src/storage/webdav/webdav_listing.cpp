#include "webdav_listing.hpp"

#include "base/error.hpp"
#include "net/http.hpp"
#include "net/xml.hpp"

#include <fmt/format.h>

#include <charconv>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::size_t href_size_max = 16UL * 1024;

[[noreturn]] void refuse(const char* what) {
  throw Error(ErrorKind::corrupt, fmt::format("the server's list of files {}", what))
      .set_hint("check whether the address is that of a WebDAV folder");
}

/// The path of "/a%20b/", or of the same with "https://host" before it.
std::string path_of(std::string_view href) {
  if (href.size() > href_size_max) refuse("has an address that is too long");
  if (const auto scheme = href.find("://"); scheme != href.npos && href.front() != '/') {
    const auto slash = href.find('/', scheme + 3);
    href = slash == href.npos ? "/" : href.substr(slash);
  }
  auto path = net::percent_decode(href);
  if (!path || !path->starts_with('/')) refuse("has an address that is none");
  while (path->size() > 1 && path->back() == '/')
    path->pop_back();
  return std::move(*path);
}

std::uint64_t size_of(std::string_view text) {
  std::uint64_t size = 0;
  const auto [last, code] = std::from_chars(text.begin(), text.end(), size);
  if (code != std::errc{} || last != text.end()) refuse("has a size that is no number");
  return size;
}

/// "HTTP/1.1 200 OK"
bool is_ok(std::string_view status) {
  const auto space = status.find(' ');
  return space != status.npos && status.substr(space + 1).starts_with("200");
}

/// False when the server tells nothing about it: it went meanwhile.
bool read_properties(const net::XmlElement& response, DavEntry& entry) {
  bool is_told = false;
  for (auto found = response.child("propstat"); found; found = found.next("propstat")) {
    if (!is_ok(found.child("status").text())) continue;
    is_told = true;
    const auto properties = found.child("prop");
    if (properties.child("resourcetype").child("collection")) entry.is_folder = true;
    if (const auto size = properties.child("getcontentlength").text(); !size.empty()) {
      entry.size = size_of(size);
    }
    if (const auto time = net::parse_http_date(properties.child("getlastmodified").text())) {
      entry.modified = time;
    }
  }
  return is_told;
}

}  // namespace

std::vector<DavEntry> parse_multistatus(base::ByteView xml, std::size_t count_max) {
  const net::XmlDocument document(xml);
  const auto root = document.root("multistatus");
  if (!root) refuse("is none");
  if (!document.is_whole()) refuse("is cut short");
  std::vector<DavEntry> entries;
  for (auto response = root.child("response"); response; response = response.next("response")) {
    if (entries.size() == count_max) refuse("has more entries than a folder can rightly have");
    DavEntry entry;
    entry.path = path_of(response.child("href").text());
    if (read_properties(response, entry)) entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace holdfast::storage
