#pragma once

#include <span>
#include <string>
#include <string_view>

namespace holdfast::config {

/// The word of `known` that was probably meant by `word`; empty when none is close.
std::string nearest(std::string_view word, std::span<const std::string> known);

/// How many characters must be inserted, deleted, replaced or swapped with their neighbour. Both
/// are cut to 64 characters, which bounds the cost.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace holdfast::config
