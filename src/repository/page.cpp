#include "page.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

namespace holdfast::repository {

namespace {

constexpr auto page_version = std::byte{1};

}  // namespace

base::Bytes begin_page(PageKind kind) { return {static_cast<std::byte>(kind), page_version}; }

base::ByteView page_message(PageKind kind, base::ByteView page) {
  if (page.size() < page_head_size || page[0] != static_cast<std::byte>(kind)) {
    throw base::Error(base::ErrorKind::corrupt,
                      fmt::format("a page is not of kind '{}'", static_cast<char>(kind)));
  }
  if (page[1] > page_version) {
    throw base::Error(base::ErrorKind::unsupported,
                      fmt::format("a page of kind '{}' has version {}", static_cast<char>(kind),
                                  static_cast<unsigned>(page[1])))
        .set_hint("a newer version of holdfast wrote it: update this program");
  }
  if (page[1] != page_version) {
    throw base::Error(base::ErrorKind::corrupt, "a page has version 0, which was never written");
  }
  return page.subspan(page_head_size);
}

}  // namespace holdfast::repository
