#include "chart.hpp"

#include <algorithm>

namespace holdfast::doctor {

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::good:
      return "good";
    case Verdict::warning:
      return "warning";
    case Verdict::failed:
      return "failed";
    case Verdict::skipped:
      return "skipped";
  }
  return "unknown";
}

void Chart::tell(Finding finding) {
  surroundings_.tell(finding);
  findings_.push_back(std::move(finding));
}

void Chart::failed(std::string_view layer, const base::Error& error) {
  tell({std::string(layer), Verdict::failed, error.what(), error.hint()});
}

void Chart::skip_rest(const std::string& why) {
  for (const auto layer : layers_) {
    if (std::ranges::find(findings_, layer, &Finding::layer) != findings_.end()) continue;
    tell({std::string(layer), Verdict::skipped, why, {}});
  }
}

}  // namespace holdfast::doctor
