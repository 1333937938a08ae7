#include "base/error.hpp"
#include "xml.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

using namespace holdfast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto attempt = [&](auto parse) {
    try {
      static_cast<void>(parse());
    } catch (const base::Error&) {
      return;
    }
  };
  attempt([&] { return storage::parse_complaint(bytes); });
  attempt([&] { return storage::parse_list_page(bytes, 100); });
  attempt([&] { return storage::parse_upload_page(bytes, 100); });
  attempt([&] { return storage::parse_version_page(bytes, 100); });
  attempt([&] { return storage::parse_upload_id(bytes); });
  attempt([&] { return storage::parse_worm_policy(bytes); });
  return 0;
}
