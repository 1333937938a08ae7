// The only JSON that is read here. The library stands in its headers; this is its one translation
// unit.

#include "base/error.hpp"
#include "base/units.hpp"
#include "storage/s3/s3_backend.hpp"

#include <boost/json/src.hpp>
#include <fmt/format.h>

#include <array>
#include <span>
#include <string>

namespace holdfast::storage {

using base::Error;
using base::ErrorKind;

namespace {

/// Where the parsed values lie. Wiped: one of them is the secret.
class Memory {
public:
  ~Memory() { base::wipe(std::as_writable_bytes(std::span(bytes_))); }
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  std::span<unsigned char> view() { return bytes_; }

private:
  std::array<unsigned char, 16UL * 1024> bytes_{};
};

/// Empty when it is not there.
std::string_view text_of(const boost::json::object& object, std::string_view name) {
  const auto* const value = object.if_contains({name.data(), name.size()});
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

Error refusal(const std::string& origin, const char* why) {
  return Error(ErrorKind::invalid_input, fmt::format("{} {}", origin, why))
      .set_hint(
          "it must be JSON with Version 1, AccessKeyId, SecretAccessKey, and SessionToken and "
          "Expiration where they are temporary");
}

}  // namespace

S3Credentials parse_process_credentials(std::string_view text, const std::string& origin) {
  Memory memory;
  boost::json::monotonic_resource resource(memory.view().data(), memory.view().size());
  boost::system::error_code code;
  const auto parsed = boost::json::parse({text.data(), text.size()}, code, &resource);
  if (code || !parsed.is_object()) throw refusal(origin, "is no object of JSON");
  const auto& object = parsed.get_object();
  S3Credentials credentials;
  credentials.access_key_id = text_of(object, "AccessKeyId");
  credentials.secret_access_key = base::Secret(base::as_bytes(text_of(object, "SecretAccessKey")));
  credentials.session_token = text_of(object, "SessionToken");
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    throw refusal(origin, "has no AccessKeyId and SecretAccessKey");
  }
  const auto expires = text_of(object, "Expiration");
  if (expires.empty()) return credentials;
  try {
    credentials.expires = base::parse_time(expires);
  } catch (const Error&) {
    throw refusal(origin, "has an Expiration that is no time");
  }
  return credentials;
}

}  // namespace holdfast::storage
