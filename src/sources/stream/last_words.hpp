#pragma once

#include <string>
#include <string_view>

namespace holdfast::sources {

/// The end of what a command said, bounded whatever it says.
class LastWords {
public:
  void add(std::string_view text);
  /// The last lines, fit for a terminal, on one line.
  std::string text() const;

private:
  std::string kept_;
};

}  // namespace holdfast::sources
