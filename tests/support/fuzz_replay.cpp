// Runs one fuzz target on every file of its corpus, so that each input that once broke a decoder is
// a regression test in every build and not only under libFuzzer.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<std::filesystem::path> list_inputs(const std::filesystem::path& corpus) {
  std::vector<std::filesystem::path> inputs;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(corpus)) {
    if (entry.is_regular_file()) inputs.push_back(entry.path());
  }
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

std::vector<std::uint8_t> read_input(const std::filesystem::path& path) {
  std::ifstream stream;
  stream.exceptions(std::ios::badbit | std::ios::failbit);
  stream.open(path, std::ios::binary);
  stream.exceptions(std::ios::badbit);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_DIRECTORY\n", argv[0]);
    return 2;
  }
  const auto inputs = list_inputs(argv[1]);
  if (inputs.empty()) {
    std::fprintf(stderr, "%s holds no input: a fuzz target needs at least one valid seed\n",
                 argv[1]);
    return 1;
  }
  LLVMFuzzerTestOneInput(nullptr, 0);
  for (const auto& path : inputs) {
    const auto input = read_input(path);
    std::fprintf(stderr, "%s (%zu bytes)\n", path.filename().c_str(), input.size());
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  return 0;
}
