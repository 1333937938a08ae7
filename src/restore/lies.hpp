// The lies of hostile_store_test.cpp.
#pragma once

#include "lying_store.hpp"

#include <string>
#include <vector>

namespace holdfast::restore {

/// What the store once had, for lies that go back to it.
struct Scene {
  std::vector<Objects> states;  // after init and after each change; the last is the truth
  Objects other;                // another repository with the same passphrase
};

struct Lie {
  std::string name;
  std::function<void(LyingStore& store, const Scene& scene)> tell;
  /// What must be said about it: a part of an object's name or of a message. Empty: the results may
  /// be exactly right, and then nothing needs to be said.
  std::string named;
  /// Consistent in itself: only a machine that remembers can notice it.
  bool needs_memory = false;
};

std::vector<Lie> all_lies();

}  // namespace holdfast::restore
