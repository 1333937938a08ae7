#pragma once

#include <cstdint>

namespace holdfast::policy {

enum class Period : std::uint8_t { hour, day, week, month, year };

/// The number of the period that `local_seconds` (seconds since 1970 on the local calendar) falls
/// into. Later times never have smaller numbers. Weeks begin on Monday.
std::int64_t period_number(Period period, std::int64_t local_seconds);

}  // namespace holdfast::policy
