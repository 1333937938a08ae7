#include "base/fd.hpp"
#include "base/random.hpp"
#include "base/temporary_directory.hpp"
#include "blake3_vectors.hpp"
#include "crypto/blake3.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <vector>

// The reference implementation, as the program b3sum of Debian's package of that name, hashes the
// same files as we do.

namespace holdfast::crypto {
namespace {

constexpr std::size_t output_size = 131;  // two blocks and a bit
constexpr std::size_t output_file_size_max = 1 << 20;

/// Runs b3sum with `input` on its standard input; one line of hex for each file.
class B3sum {
public:
  std::vector<std::string> run(std::vector<std::string> arguments, base::ByteView input) {
    write_file(directory_.file("stdin"), input);
    const auto child = ::fork();
    if (child == 0) execute(arguments);
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "running b3sum failed: install the Debian package b3sum";
    const auto output = base::read_file(directory_.file("stdout"), output_file_size_max);
    return lines_of(base::as_text(output));
  }

  std::string add_file(base::ByteView bytes) {
    auto path = directory_.file(std::to_string(count_++));
    write_file(path, bytes);
    return path;
  }

private:
  static void write_file(const std::string& path, base::ByteView bytes) {
    const auto file = base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    base::write_all(file.get(), bytes, path);
  }

  [[noreturn]] void execute(std::vector<std::string>& arguments) {
    std::string program = "b3sum";
    std::string no_names = "--no-names";
    std::vector<char*> words = {program.data(), no_names.data()};
    for (auto& argument : arguments)
      words.push_back(argument.data());
    words.push_back(nullptr);
    const auto from = base::open_file(directory_.file("stdin"), O_RDONLY);
    const auto to = base::open_file(directory_.file("stdout"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(from.get(), STDIN_FILENO);
    ::dup2(to.get(), STDOUT_FILENO);
    ::execvp(words.front(), words.data());
    ::_exit(127);
  }

  static std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos;) {
      lines.emplace_back(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    return lines;
  }

  base::TemporaryDirectory directory_;
  int count_ = 0;
};

class AgainstB3sum : public testing::Test {
protected:
  void SetUp() override {
    base::SeededRandom random(20'260'109);
    for (int i = 0; i < 60; ++i) {
      // As many small inputs as large ones.
      base::Bytes input(random.below(std::uint64_t{1} << (1 + random.below(20))));
      random.fill(input);
      add_input(std::move(input));
    }
    for (const auto& vector : blake3_vectors) {
      base::Bytes input(vector.length);
      for (std::size_t i = 0; i < input.size(); ++i)
        input[i] = static_cast<std::byte>(i % 251);
      add_input(std::move(input));
    }
  }

  void add_input(base::Bytes input) {
    paths_.push_back(b3sum_.add_file(input));
    inputs_.push_back(std::move(input));
  }

  /// Compares each input hashed by a stream like `fresh` with what b3sum says of it.
  void compare(const std::vector<std::string>& options, base::ByteView key, const Blake3& fresh) {
    auto arguments = options;
    arguments.push_back("--length=" + std::to_string(output_size));
    arguments.insert(arguments.end(), paths_.begin(), paths_.end());
    const auto expected = b3sum_.run(arguments, key);
    ASSERT_EQ(expected.size(), inputs_.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      auto stream = fresh;
      base::Bytes out(output_size);
      stream.update(inputs_[i]).finish_into(out);
      EXPECT_EQ(base::to_hex(out), expected[i]) << inputs_[i].size() << " bytes";
    }
  }

  void compare_all_modes(Blake3Lanes lanes) {
    Blake3Key key;
    base::SeededRandom(7).fill(key);
    compare({}, {}, Blake3(lanes));
    compare({"--keyed"}, key, Blake3(key, lanes));
    compare({"--derive-key", "holdfast test context"}, {},
            Blake3::derive_key("holdfast test context", lanes));
  }

  B3sum b3sum_;
  std::vector<std::string> paths_;
  std::vector<base::Bytes> inputs_;
};

TEST_F(AgainstB3sum, AllLanesAndModesAgree) {
  for (const auto lanes : {Blake3Lanes::portable, Blake3Lanes::avx2, Blake3Lanes::avx512}) {
    if (is_supported(lanes)) compare_all_modes(lanes);
  }
}

TEST_F(AgainstB3sum, OneCallAgrees) {
  const auto expected = b3sum_.run(paths_, {});
  ASSERT_EQ(expected.size(), inputs_.size());
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    EXPECT_EQ(blake3(inputs_[i]).hex(), expected[i]) << inputs_[i].size() << " bytes";
  }
}

}  // namespace
}  // namespace holdfast::crypto
