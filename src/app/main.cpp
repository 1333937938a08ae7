#include "app/environment.hpp"
#include "app/process.hpp"
#include "app/services.hpp"
#include "app/signals.hpp"
#include "base/error.hpp"
#include "cli/run.hpp"

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

using namespace holdfast;

int run_program(const std::vector<std::string>& arguments) {
  app::harden_process();
  const auto environment = app::read_environment(HOLDFAST_VERSION);
  const app::Signals signals;
  app::AppServices services(app::read_store_environment(), signals.token());
  return cli::run(arguments, services, environment, signals.token());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_program({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "holdfast: error: %s\n", error.what());
  } catch (...) {
    std::fputs("holdfast: error: unknown failure\n", stderr);
  }
  return base::exit_internal;
}
