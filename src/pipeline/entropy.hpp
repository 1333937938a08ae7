#pragma once

#include "base/bytes.hpp"

namespace holdfast::pipeline {

/// Whether compressing `bytes` would be a waste: judged from the byte histogram of samples spread
/// over it, so that random, encrypted and well-compressed data costs no compression time.
bool looks_incompressible(base::ByteView bytes);

}  // namespace holdfast::pipeline
