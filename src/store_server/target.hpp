#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::store_server {

/// What a request is about. All names in it are checked: they lead nowhere but into the repository.
struct Target {
  enum class What : std::uint8_t { repository, objects, object, upload, leftovers };
  std::string repository;
  What what = What::repository;
  std::string name{};    // of the object, also of the one that an upload is to be
  std::string upload{};  // 32 hexadecimal digits
  std::string prefix{};  // of names to be listed
  std::string after{};   // names beyond it are listed; empty: all
  std::uint64_t offset = 0;
};

/// Of "/api/store/v1/REPOSITORY/..." with its query. Nothing when it is anything else.
std::optional<Target> parse_target(std::string_view text);

/// "bytes=FIRST-LAST" or "bytes=FIRST-"; what else a Range header may say is not followed.
struct ByteRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> last{};
};
std::optional<ByteRange> parse_range(std::string_view text);

}  // namespace holdfast::store_server
