#include "ledger_object.hpp"

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "crypto/aead.hpp"
#include "envelope.hpp"

#include <algorithm>
#include <array>
#include <tuple>

namespace holdfast::repository {

using base::Error;
using base::ErrorKind;

namespace {

constexpr std::string_view magic = "HFCHECKS";
constexpr std::string_view label = "holdfast/v1/checks";
constexpr std::size_t reading_size = base::PackId::size + 1 + 1 + 8;
constexpr std::size_t id_size = 16;
/// No clock shows it: about the year 36,800.
constexpr std::uint64_t seconds_max = std::uint64_t{1} << 40;

base::Bytes associated_with(const base::RepositoryId& repository, const std::string& name) {
  auto bytes = base::copy_of(repository.view());
  base::append(bytes, base::as_bytes(name));
  return bytes;
}

auto order_of(const PackReading& reading) { return std::tie(reading.pack, reading.level); }

PackReading take_reading(base::ByteReader& reader) {
  PackReading reading;
  reading.pack = base::PackId::from_bytes(reader.take_bytes(base::PackId::size));
  const auto level = reader.take<std::uint8_t>();
  const auto result = reader.take<std::uint8_t>();
  const auto seconds = reader.take<std::uint64_t>();
  if (level < 1 || level > 2 || result > 1 || seconds > seconds_max) {
    throw Error(ErrorKind::corrupt, "a reading in the ledger is impossible");
  }
  reading.level = static_cast<ReadLevel>(level);
  reading.result = static_cast<ReadResult>(result);
  reading.seconds = static_cast<std::int64_t>(seconds);
  return reading;
}

}  // namespace

base::Bytes encode_readings(std::span<const PackReading> readings) {
  HF_ASSERT(readings.size() <= ledger_readings_max, "more readings make more objects");
  base::Bytes text;
  text.reserve(readings.size() * reading_size);
  for (const auto& reading : readings) {
    base::append(text, reading.pack.view());
    base::put_le(text, static_cast<std::uint8_t>(reading.level));
    base::put_le(text, static_cast<std::uint8_t>(reading.result));
    base::put_le(text, static_cast<std::uint64_t>(std::max<std::int64_t>(reading.seconds, 0)));
  }
  return text;
}

std::vector<PackReading> decode_readings(base::ByteView text) {
  if (text.size() % reading_size != 0 || text.size() / reading_size > ledger_readings_max) {
    throw Error(ErrorKind::corrupt, "the ledger of readings has an impossible size");
  }
  base::ByteReader reader(text, "the ledger of readings");
  std::vector<PackReading> readings;
  readings.reserve(text.size() / reading_size);
  while (reader.left() != 0) {
    readings.push_back(take_reading(reader));
    const auto count = readings.size();
    if (count > 1 && order_of(readings[count - 2]) >= order_of(readings[count - 1])) {
      throw Error(ErrorKind::corrupt, "the ledger of readings is not in order");
    }
  }
  return readings;
}

base::Bytes seal_readings(const std::string& name, std::span<const PackReading> readings,
                          const base::RepositoryId& repository, const KeyBundle& keys,
                          base::Random& random) {
  Envelope envelope;
  envelope.body =
      crypto::seal_box(keys.metadata_key.view(), label, associated_with(repository, name),
                       encode_readings(readings), random);
  return wrap_envelope(magic, envelope);
}

std::vector<PackReading> open_readings(const std::string& name, base::ByteView object,
                                       const base::RepositoryId& repository,
                                       const KeyBundle& keys) {
  return base::with_context(
      [&] { return "opening " + name; },
      [&] {
        const auto envelope = unwrap_envelope(magic, object, name);
        return decode_readings(crypto::open_box(keys.metadata_key.view(), label,
                                                associated_with(repository, name), envelope.body));
      });
}

std::string make_ledger_name(base::Random& random) {
  std::array<std::byte, id_size> id;
  random.fill(id);
  return std::string(ledger_prefix) + base::to_hex(id);
}

void expect_ledger_name(const std::string& name) {
  const auto id = std::string_view(name).substr(std::min(ledger_prefix.size(), name.size()));
  if (name.starts_with(ledger_prefix) && id.size() == 2 * id_size &&
      id.find_first_not_of("0123456789abcdef") == std::string_view::npos) {
    return;
  }
  throw Error(ErrorKind::corrupt, "is not a part of the ledger of readings");
}

}  // namespace holdfast::repository
