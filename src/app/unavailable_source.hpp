#pragma once

#include "base/error.hpp"
#include "sources/source.hpp"

#include <memory>
#include <string>

namespace holdfast::app {

/// A source that could not be opened: whoever reads it gets `error`.
std::unique_ptr<sources::TreeSource> unavailable_source(std::string path, base::Error error);

}  // namespace holdfast::app
