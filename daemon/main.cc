#include <cstdio>
#include <exception>

#include "common/crypto/keys.h"
#include "daemon/commands/command_line.h"
#include "daemon/process_hardening.h"

int main(int argc, char** argv) {
  try {
    tunneld::daemon::harden_process();
    tunneld::crypto::init();
    return static_cast<int>(tunneld::daemon::run_command_line(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tunneld: %s\n", error.what());
    return static_cast<int>(tunneld::daemon::ExitCode::kRuntimeFailure);
  }
}
