#include "rest_objects.hpp"

#include "base/error.hpp"
#include "storage/rest/rest_protocol.hpp"

#include <fmt/format.h>

namespace holdfast::storage {

std::optional<RestObject> look_at_object(RestClient& client, const std::string& name,
                                         WantDigest want) {
  RestRequest request{.doing = "looking for " + name, .method = "HEAD", .path = "objects/" + name};
  if (want == WantDigest::yes) request.headers = {{rest_want_digest_header, "yes"}};
  const auto response = client.send(request, [](const net::HttpResponse& reply) {
    return is_missing(reply, rest_missing_object);
  });
  if (!response.is_success()) return std::nullopt;
  const auto header = [&](const char* name_of_header) {
    return net::find_header(response.headers, name_of_header).value_or("");
  };
  const auto size = parse_rest_number(header(rest_size_header));
  const RestObject object{size.value_or(0), parse_rest_digest(header(rest_digest_header))};
  if (!size || (want == WantDigest::yes && !object.digest)) {
    throw base::Error(base::ErrorKind::corrupt,
                      fmt::format("{} in {}: the server does not say what it has", request.doing,
                                  client.store()));
  }
  return object;
}

}  // namespace holdfast::storage
