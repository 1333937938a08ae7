#pragma once

#include "base/error.hpp"
#include "doctor/examination.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::doctor {

/// The findings so far, one for each layer; each is told at once.
class Chart {
public:
  /// `layers`: all that will be told of, in their order.
  Chart(std::vector<std::string_view> layers, const Surroundings& surroundings)
      : layers_(std::move(layers)), surroundings_(surroundings) {}

  void tell(Finding finding);
  void good(std::string_view layer, std::string says) {
    tell({std::string(layer), Verdict::good, std::move(says), {}});
  }
  void warn(std::string_view layer, std::string says, std::string next_step) {
    tell({std::string(layer), Verdict::warning, std::move(says), std::move(next_step)});
  }
  void measured(std::string_view layer, std::string says, double figure, std::string unit) {
    tell({std::string(layer), Verdict::good, std::move(says), {}, figure, std::move(unit)});
  }
  /// The error's message and hint.
  void failed(std::string_view layer, const base::Error& error);
  /// Tells of every layer that nothing was told of as skipped, because of `why`.
  void skip_rest(const std::string& why);
  std::vector<Finding> take() { return std::move(findings_); }

private:
  std::vector<std::string_view> layers_;
  const Surroundings& surroundings_;
  std::vector<Finding> findings_;
};

}  // namespace holdfast::doctor
