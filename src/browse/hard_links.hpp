#pragma once

#include "base/ids.hpp"
#include "repository/tree.hpp"

namespace holdfast::browse {

/// What is equal in all names of one file, and only there: an entry with other content is no
/// further name of it, whatever number it has. The lists of all nodes attached, or of all detached.
base::Hash content_identity(const repository::Node& node);

}  // namespace holdfast::browse
