// Records and slots: the first byte of the input chooses the decoder, the rest is what it gets.

#include "base/error.hpp"
#include "envelope.hpp"
#include "key_slot.hpp"
#include "ledger_object.hpp"
#include "repository/format_object.hpp"
#include "repository/snapshot.hpp"

#include <algorithm>
#include <cstdint>

namespace {

using namespace holdfast;

void expect_damage(const base::Error& error) {
  HF_ASSERT(
      error.kind() == base::ErrorKind::corrupt || error.kind() == base::ErrorKind::unsupported,
      "what is wrong with bytes is damage or the future");
}

void decode_wrapped(base::ByteView body) {
  const repository::Envelope envelope{1, 0, base::copy_of(body)};
  static_cast<void>(repository::describe_slot(repository::wrap_envelope("HFKEYSLT", envelope)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
  try {
    switch (data[0]) {
      case 'S': {
        const auto once = repository::encode_snapshot(repository::decode_snapshot(bytes));
        HF_ASSERT(repository::encode_snapshot(repository::decode_snapshot(once)) == once,
                  "what was read is written alike");
        break;
      }
      case 'D': {
        const auto once = repository::encode_deletion(repository::decode_deletion(bytes));
        HF_ASSERT(repository::encode_deletion(repository::decode_deletion(once)) == once,
                  "what was read is written alike");
        break;
      }
      case 'F':
        static_cast<void>(repository::decode_format(bytes));
        break;
      case 'K':
        static_cast<void>(repository::describe_slot(bytes));
        break;
      case 'R': {
        const auto readings = repository::decode_readings(bytes);
        HF_ASSERT(std::ranges::equal(repository::encode_readings(readings), bytes),
                  "what was read is written alike");
        break;
      }
      default:
        decode_wrapped(bytes);
        break;
    }
  } catch (const base::Error& error) {
    expect_damage(error);
  }
  return 0;
}
