// What clients and servers of the REST store say to each other; docs/serve.md describes it.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "storage/backend.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::storage {

/// Before the name of the repository in the path of every request.
inline constexpr std::string_view rest_root = "/api/store/v1/";

inline constexpr const char* rest_digest_header = "Holdfast-Digest";  // BLAKE3, in hexadecimal
inline constexpr const char* rest_size_header = "Holdfast-Size";
/// In a request for what is known of an object: with its digest, please.
inline constexpr const char* rest_want_digest_header = "Holdfast-Want-Digest";
/// In a reply that is no success: the name of its base::ErrorKind, and what is missing if something
/// is. The body says the rest in a sentence.
inline constexpr const char* rest_error_header = "Holdfast-Error";
inline constexpr const char* rest_missing_header = "Holdfast-Missing";
inline constexpr std::string_view rest_missing_object = "object";
inline constexpr std::string_view rest_missing_upload = "upload";

/// The body of one request: an object that is not larger goes in one, others in parts.
inline constexpr std::size_t rest_part_size_max = 2UL * 1024 * 1024;
inline constexpr std::size_t rest_list_objects_max = 10'000;

/// Part of a list, its names in ascending order.
struct RestListPage {
  std::vector<ObjectInfo> objects{};
  bool has_more = false;
};
/// One line for each object, its size and its name, and a last one that says whether more follow.
std::string format_list_page(const RestListPage& page);
/// Errors: corrupt unless it is a whole page of names that ascend and begin with `prefix`.
RestListPage parse_list_page(base::ByteView text, const std::string& prefix);

/// Nothing unless it is all digits and fits.
std::optional<std::uint64_t> parse_rest_number(std::string_view text);
/// Nothing unless it is 64 hexadecimal digits.
std::optional<base::Hash> parse_rest_digest(std::string_view text);

}  // namespace holdfast::storage
