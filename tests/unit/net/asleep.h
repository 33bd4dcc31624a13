// For tests of what happens to a thread that waits: nobody knows when it does, but the kernel.
#pragma once

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include <unistd.h>

namespace tunneld::net {

/// Returns when the thread `id` (gettid(2)) of this process waits in a system call, or after 10 s.
inline void wait_until_asleep(pid_t id) {
  const std::string path = "/proc/self/task/" + std::to_string(id) + "/stat";
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < end) {
    std::string line;
    std::ifstream file(path);
    std::getline(file, line);
    // proc(5): the state stands behind the name, which may hold brackets itself.
    if (line.find(") S ", line.rfind(')')) != std::string::npos) return;
    std::this_thread::yield();
  }
}

}  // namespace tunneld::net
