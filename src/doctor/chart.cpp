#include "chart.hpp"

#include <algorithm>

namespace holdfast::doctor {

namespace {

/// Of an error that says what went wrong, and not what to do.
std::string next_step_after(const base::Error& error) {
  if (!error.hint().empty()) return error.hint();
  switch (error.kind()) {
    case base::ErrorKind::access_denied:
      return "check what this user may do there";
    case base::ErrorKind::io:
      return "check the disk, and what the log of its machine says";
    default:
      return "ask who runs the store";
  }
}

}  // namespace

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
  tell({std::string(layer), Verdict::failed, error.what(), next_step_after(error)});
}

void Chart::skip_rest(const std::string& why) {
  for (const auto layer : layers_) {
    if (std::ranges::find(findings_, layer, &Finding::layer) != findings_.end()) continue;
    tell({std::string(layer), Verdict::skipped, why, {}});
  }
}

}  // namespace holdfast::doctor
