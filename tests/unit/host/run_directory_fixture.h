// A run directory for each test, and processes that end in the middle of something.
#pragma once

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"

namespace tunneld::daemon {

/// $TUNNELD_RUN_DIR is an empty directory while this lives.
class TemporaryRunDirectory {
 public:
  TemporaryRunDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tunneld-run-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
    setenv("TUNNELD_RUN_DIR", path_.c_str(), 1);
    log::set_level(log::Level::kOff);
  }
  ~TemporaryRunDirectory() {
    unsetenv("TUNNELD_RUN_DIR");
    std::filesystem::remove_all(path_);
  }
  TemporaryRunDirectory(const TemporaryRunDirectory&) = delete;
  TemporaryRunDirectory& operator=(const TemporaryRunDirectory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

/// Runs `body` in a process that then ends without any destructor, as SIGKILL would end it. Returns its exit
/// code: what body returned, or 99 if it threw.
inline int in_killed_process(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    int code = 99;
    try {
      code = body();
    } catch (const std::exception& error) {
      fprintf(stderr, "in the child: %s\n", error.what());
    }
    _exit(code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// A process that has run `body` and waits to be killed, at the latest by the destructor.
class WaitingProcess {
 public:
  explicit WaitingProcess(const std::function<void()>& body) {
    int ready[2];
    if (pipe(ready) != 0) abort();
    pid_ = fork();
    if (pid_ == 0) {
      body();
      [[maybe_unused]] const ssize_t written = write(ready[1], "!", 1);
      for (;;) pause();
    }
    close(ready[1]);
    char byte = 0;
    is_ready_ = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
  }
  ~WaitingProcess() { kill_now(); }
  WaitingProcess(const WaitingProcess&) = delete;
  WaitingProcess& operator=(const WaitingProcess&) = delete;

  [[nodiscard]] bool is_ready() const { return is_ready_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  void kill_now() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
  bool is_ready_ = false;
};

}  // namespace tunneld::daemon
