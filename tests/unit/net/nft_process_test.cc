// Whatever libnftables does where a message to or from the kernel fails, its caller lives and is told.
#include "common/net/nft_process.h"

#include <cerrno>
#include <cstddef>
#include <string>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/net/nftables.h"
#include "tests/unit/net/network_namespace.h"

namespace tunneld::net {
namespace {

using End = NftReport::End;

/// From here on this system call does not happen; `action`: SECCOMP_RET_*. For good, and for children too.
void forbid(int call, std::uint32_t action) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{.len = 4, .filter = program};
  ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

/// What the function returns, from a process of its own.
template <typename Function>
int in_process(const Function& function) {
  const pid_t child = fork();
  if (child == 0) _exit(function());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class NftProcessTest : public NamespaceTest, public ::testing::WithParamInterface<std::tuple<int, int>> {};

TEST_P(NftProcessTest, AFailingMessageIsAnErrorAndNotTheEnd) {
  const auto [call, error] = GetParam();
  const int result = in_process([call = call, error = error] {
    forbid(call, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error));
    const NftReport report = run_nft_process("add table inet test\nlist tables", 0, std::chrono::seconds(2));
    if (report.end == End::kDone) return 1;
    return report.text.empty() ? 2 : 77;
  });
  EXPECT_EQ(result, 77) << "1: taken for a success, 2: no word of it, else: the caller died";
}

INSTANTIATE_TEST_SUITE_P(OfAnyKind, NftProcessTest,
                         ::testing::Combine(::testing::Values(SYS_recvmsg, SYS_sendto, SYS_sendmsg),
                                            ::testing::Values(ENOBUFS, EPERM, ENOMEM, EINTR)));

TEST_F(NftProcessTest, AChildThatIsKilledIsAnError) {
  const int result = in_process([] {
    forbid(SYS_recvmsg, SECCOMP_RET_KILL_PROCESS);
    const NftReport report = run_nft_process("list tables", 0);
    const bool told = report.text.find("signal " + std::to_string(SIGSYS)) != std::string::npos;
    return report.end == End::kUnknown && told ? 77 : 1;
  });
  EXPECT_EQ(result, 77);
}

TEST_F(NftProcessTest, AChildThatTakesTooLongIsEnded) {
  const NftReport report = run_nft_process("list tables", 0, std::chrono::milliseconds(0));
  EXPECT_EQ(report.end, End::kUnknown);
  EXPECT_THAT(report.text, ::testing::HasSubstr("in time"));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "it is not waited for";
}

TEST_F(NftProcessTest, PassesOnLargeCommandsAndLargeAnswers) {
  std::string commands = "table inet large {\nset some {\ntype ipv4_addr\nelements = { 10.0.0.0";
  for (int i = 1; i < 20'000; ++i) {
    commands += ", 10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250);
  }
  ASSERT_EQ(run_nft_process(commands + " }\n}\n}\n", 0).end, End::kDone);
  const NftReport report = run_nft_process("list ruleset", 0);
  EXPECT_EQ(report.end, End::kDone);
  EXPECT_GT(report.text.size(), 200'000U);
  EXPECT_THAT(report.text, ::testing::EndsWith("}\n"));
}

TEST_F(NftProcessTest, SaysWhatIsWrongWithACommand) {
  const NftReport report = run_nft_process("add rule inet nothing here accept", 0);
  EXPECT_EQ(report.end, End::kRefused);
  EXPECT_THAT(report.text, ::testing::HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace tunneld::net
