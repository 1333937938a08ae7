#pragma once

#include "chart.hpp"
#include "doctor/examination.hpp"
#include "storage/backend.hpp"

#include <string_view>
#include <vector>

namespace holdfast::doctor {

/// The layers that try_objects tells of, in their order.
std::vector<std::string_view> object_layers();

/// Does with the store what a repository does: writes an object, gives it its name, reads it back,
/// is refused a second one of that name, finds it in a list, removes it; then measures. Stops at
/// the first that fails; what it wrote is removed as far as the store lets it.
void try_objects(storage::Backend& store, const ExaminationOptions& options,
                 const Surroundings& surroundings, Chart& chart);

}  // namespace holdfast::doctor
