// What a server sends, decoded in every way.
#include "base/error.hpp"
#include "packet.hpp"

#include <cstddef>
#include <cstdint>

using namespace holdfast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto decode = [&](auto read) {
    storage::PacketReader reader(bytes);
    try {
      static_cast<void>(read(reader));
    } catch (const base::Error&) {  // allowed
      return;
    }
  };
  decode([](auto& reader) { return storage::read_names(reader); });
  decode([](auto& reader) { return storage::read_version(reader); });
  decode([](auto& reader) { return storage::read_attributes(reader); });
  decode([](auto& reader) { return storage::read_status(reader).message; });
  return 0;
}
