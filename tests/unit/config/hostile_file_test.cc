// Files that are made to hurt: each is refused within a second and without taking the machine's memory.

#include <array>
#include <ctime>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "config/parse.h"
#include "tests/unit/config/temporary_files.h"

namespace tunneld::config {
namespace {

using testing::HasSubstr;

constexpr const char* kInterface = "interface: { name: tun0, private_key_file: a.key }\n";
constexpr std::size_t kFull = std::size_t{4} << 20U;

std::string repeat(std::string_view text, std::size_t bytes) {
  std::string out;
  out.reserve(bytes + text.size());
  while (out.size() < bytes) out += text;
  return out;
}

/// Seconds that a slow, busy machine may take; a file that is worse than linear takes minutes. Sanitizers keep freed memory
/// for a while and shadow the rest, and take several times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
constexpr double kPatience = 50;
#else
constexpr bool kIsSanitized = false;
constexpr double kPatience = 5;
#endif

/// Seconds of CPU time that `work` takes: what it would take on a machine that has nothing else to do.
double seconds_of(const std::function<void()>& work) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  };
  const double start = now();
  work();
  return now() - start;
}

/// Peak memory of `work` in KiB beyond what this process has, measured in a child of its own. With a stack of
/// 256 KiB, so that a recursion that follows the file does not survive.
long peak_of(const std::function<void()>& work) {
  ::malloc_trim(0);  // or the child would draw on what earlier work left behind
  std::string statm;
  std::ifstream("/proc/self/statm") >> statm >> statm;
  const long before = std::stol(statm) * ::sysconf(_SC_PAGESIZE) / 1024;
  const pid_t child = ::fork();
  if (child == 0) {
    const struct rlimit small_stack { 256U << 10U, 256U << 10U };
    if (::setrlimit(RLIMIT_STACK, &small_stack) != 0) ::_exit(1);
    work();
    ::_exit(0);
  }
  int status = 0;
  struct rusage usage {};
  ::wait4(child, &status, 0, &usage);
  EXPECT_EQ(status, 0);
  return std::max(0L, usage.ru_maxrss - before);
}

class HostileFile : public testing::Test {
 protected:
  /// Refused with `message`, within a second and 48 MiB.
  void expect_refused(const std::string& path, const std::string& message) {
    ParseResult result;
    EXPECT_LT(seconds_of([&] { result = parse_file(path); }), kPatience);
    EXPECT_FALSE(result.config);
    ASSERT_FALSE(result.diagnostics.empty());
    EXPECT_THAT(to_string(result.diagnostics[0]), HasSubstr(message));
    if (!kIsSanitized) {
      EXPECT_LT(peak_of([&path] { (void)parse_file(path); }), 48L << 10U);
    }
  }
  void expect_text_refused(const std::string& text, const std::string& message) {
    expect_refused(files_.write("config.yaml", text), message);
  }

  TemporaryFiles files_;
};

TEST_F(HostileFile, MissingIsRefused) {
  expect_refused(files_.path("nothere.yaml"), "nothere.yaml:1:1: cannot open");
}

TEST_F(HostileFile, OfHundredMegabytesIsRefused) {
  const std::string path = files_.write("config.yaml", kInterface);
  std::filesystem::resize_file(path, std::size_t{100} << 20U);
  expect_refused(path, "is larger than 4 MiB");
}

TEST_F(HostileFile, DirectoryIsRefused) {
  expect_refused(files_.path(""), "is not a regular file");
}

TEST_F(HostileFile, DeviceIsRefused) {
  expect_refused("/dev/zero", "is not a regular file");
}

TEST_F(HostileFile, FifoThatNobodyWritesIsRefused) {
  ASSERT_EQ(::mkfifo(files_.path("fifo").c_str(), 0600), 0);
  expect_refused(files_.path("fifo"), "is not a regular file");
}

TEST_F(HostileFile, WritableByEverybodyIsRefused) {
  expect_refused(files_.write("config.yaml", kInterface, 0646), "everybody may write to");
}

TEST_F(HostileFile, LinkLoopIsRefused) {
  std::filesystem::create_symlink("loop", files_.path("loop"));
  expect_refused(files_.path("loop"), "cannot open");
}

TEST_F(HostileFile, DeepFlowNestingIsRefused) {
  for (const char* bracket : {"[", "{", "[a,", "{a: ", "[\n", "[[],", "- [", "{? "}) {
    expect_text_refused("a: " + repeat(bracket, 100'000 * std::string_view(bracket).size()), "");
    expect_text_refused(repeat(bracket, kFull - 100), "");
  }
  expect_text_refused(std::string(kInterface) + "peers: " + repeat("[", 100'000),
                      "config.yaml:2:264: brackets are nested more than 32 deep");
}

TEST_F(HostileFile, DeepBlockNestingIsRefused) {
  expect_text_refused(repeat("- ", 200'000), "more than 64 KiB");
  expect_text_refused(repeat("- ", 60'000), "config.yaml:1:65: nested more than 32 deep");
  expect_text_refused(repeat("? ", 60'000), "nested more than 32 deep");
  std::string deeper;
  for (std::size_t depth = 0; depth < 2000; ++depth) deeper += std::string(depth, ' ') + "a:\n";
  expect_text_refused(deeper, "config.yaml:33:33: nested more than 32 deep");
}

TEST_F(HostileFile, AliasBombIsRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 8; ++j) bomb += ", " + before;
    bomb += "]\n";
  }
  expect_text_refused(bomb, "config.yaml:1:5: anchors (&) and aliases (*) are not supported");
}

TEST_F(HostileFile, CyclicAnchorIsRefused) {
  expect_text_refused("a: &x [*x]\n", "1:4: anchors");
}

TEST_F(HostileFile, FullOfTinyThingsIsRefused) {
  for (const char* thing :
       {"a: 1\n", "- a\n", "[],", "{},", "a,",       "\"\",",     "- \n",  "? \n", "*a ", "&a ",
        "!a ",    "\"",    "'",   "|\n", "%a\n",     "---\n",     "...\n", ": ",   ",",   "a",
        " ",      "\n",    "#",   "\\",  "\xc3\xa4", "- - - a\n", "a:\n",  "''",   "x ",  "]"}) {
    SCOPED_TRACE(thing);
    expect_text_refused(repeat(thing, kFull - 4), "");
    expect_text_refused('[' + repeat(thing, kFull - 4), "");
    expect_text_refused("a: {" + repeat(thing, kFull - 4), "");
    expect_text_refused("- [" + repeat(thing, kFull - 4), "");
    expect_text_refused("a: \"" + repeat(thing, kFull - 4), "");
  }
}

TEST_F(HostileFile, WithManyUnknownKeysIsRefused) {
  std::string keys;
  for (int i = 0; i < 100'000; ++i) keys += "interfac" + std::to_string(i) + ": 1\n";
  expect_text_refused(keys, "");
}

TEST_F(HostileFile, WithManyMistakesReportsTheFirstHundred) {
  const ParseResult result = parse_file(
      files_.write("config.yaml", kInterface + std::string("peers: [") + repeat("1, ", 60'000) + "]\n"));
  EXPECT_EQ(result.diagnostics.size(), Diagnostics::kLimit);
}

TEST_F(HostileFile, CannotForgeTheLog) {
  const ParseResult result = parse_file(files_.write(
      "config.yaml", "\"a\\nconfig.yaml:1:1: fine\\e[2J\\u202e\": 1\n" + std::string(kInterface)));
  ASSERT_EQ(result.diagnostics.size(), 1U);
  const std::string text = to_string(result.diagnostics[0]);
  EXPECT_EQ(text.find_first_of("\n\x1b"), std::string::npos) << text;
  EXPECT_EQ(text.find("\u202e"), std::string::npos) << text;
}

/// Ten thousand peers in one file are large, not hostile.
TEST_F(HostileFile, IsNotOneOfTenThousandPeers) {
  std::string text = std::string(kInterface) + "peers:\n";
  std::mt19937 random(1);
  for (unsigned i = 0; i < 10'000; ++i) {
    std::array<std::uint8_t, crypto::kKeySize> key{};
    for (auto& byte : key) byte = static_cast<std::uint8_t>(random());
    const std::string address = "10." + std::to_string(i >> 8U) + '.' + std::to_string(i & 255U);
    text += "  - name: peer-" + std::to_string(i) + "\n    public_key: \"" +
            crypto::PublicKey(key).to_base64() +
            "\"\n    preshared_key_file: peer.psk\n    endpoints: [\"192.0.2.1:" + std::to_string(i + 1) +
            "\"]\n    allowed_ips: [" + address + ".0/25, " + address +
            ".128/25]\n    persistent_keepalive: 25s\n";
  }
  const std::string path = files_.write("config.yaml", text);
  ParseResult result;
  EXPECT_LT(seconds_of([&] { result = parse_file(path); }), kPatience);
  EXPECT_TRUE(result.config) << to_string(result.diagnostics);
}

/// Damage anywhere in a good file ends in a configuration or in words, never in a crash.
TEST_F(HostileFile, DamagedAtRandomIsNeverFatal) {
  std::string good;
  for (const char* name : {"site-a.yaml", "hub.yaml"}) {
    std::ostringstream text;
    text << std::ifstream(std::string(TUNNELD_SOURCE_DIR) + "/config/" + name).rdbuf();
    good = text.str();
    std::mt19937 random(7);
    const std::string_view characters = "[]{},:-?#&*!|>'\"%@`\\ \t\n\r~<=0aA/\x80\xff";
    for (int round = 0; round < 2000; ++round) {
      std::string damaged = good;
      for (unsigned damages = 1 + random() % 4; damages > 0; --damages) {
        const std::size_t at = random() % damaged.size();
        switch (random() % 4) {
          case 0:
            damaged[at] = characters[random() % characters.size()];
            break;
          case 1:
            damaged.insert(at, 1, characters[random() % characters.size()]);
            break;
          case 2:
            damaged.erase(at, 1 + random() % 20);
            break;
          default:
            damaged.insert(at, damaged.substr(random() % damaged.size(), random() % 60));
        }
        if (damaged.empty()) damaged = " ";
      }
      const ParseResult result = parse_file(files_.write("config.yaml", damaged));
      if (!result.config) {
        ASSERT_FALSE(result.diagnostics.empty()) << damaged;
        for (const Diagnostic& diagnostic : result.diagnostics) ASSERT_FALSE(diagnostic.message.empty());
      }
    }
  }
}

}  // namespace
}  // namespace tunneld::config
