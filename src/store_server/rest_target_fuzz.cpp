#include "base/error.hpp"
#include "storage/backend.hpp"
#include "store_server/tokens.hpp"
#include "target.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

using namespace holdfast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = base::as_text(std::as_bytes(std::span(data, size)));
  static_cast<void>(store_server::parse_range(text));
  const auto target = store_server::parse_target(text);
  if (!target) return 0;
  HF_ASSERT(store_server::is_plain_name(target->repository), "no path leads out");
  if (!target->name.empty()) storage::check_name(target->name);
  if (!target->after.empty()) storage::check_name(target->after);
  storage::check_prefix(target->prefix);
  return 0;
}
