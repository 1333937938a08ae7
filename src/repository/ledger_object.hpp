// How a part of the ledger of readings lies in the store: sealed under the metadata key, which
// every role holds, so that an auditor can tell what it read, and the store cannot.
#pragma once

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "repository/keys.hpp"
#include "repository/read_ledger.hpp"

#include <span>
#include <string>
#include <vector>

namespace holdfast::repository {

inline constexpr std::string_view ledger_prefix = "checks/";
/// So an object stays below 3 MiB, and a reader knows what to allocate.
inline constexpr std::size_t ledger_readings_max = 65'536;
inline constexpr std::size_t ledger_object_size_max = 3UL * 1024 * 1024;

/// `readings` ascend by pack and level, none twice, at most ledger_readings_max.
base::Bytes encode_readings(std::span<const PackReading> readings);
/// Errors: corrupt unless they are as above.
std::vector<PackReading> decode_readings(base::ByteView text);

/// `name` is the object's: a box that was moved to another name does not open.
base::Bytes seal_readings(const std::string& name, std::span<const PackReading> readings,
                          const base::RepositoryId& repository, const KeyBundle& keys,
                          base::Random& random);
/// Errors: corrupt, wrong_key, unsupported; each names the object.
std::vector<PackReading> open_readings(const std::string& name, base::ByteView object,
                                       const base::RepositoryId& repository, const KeyBundle& keys);

std::string make_ledger_name(base::Random& random);
/// Errors: corrupt unless an object may have this name.
void expect_ledger_name(const std::string& name);

}  // namespace holdfast::repository
