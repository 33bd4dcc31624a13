#pragma once

#include <CLI/CLI.hpp>

#include "daemon/commands/client_commands.h"

namespace tunneld::daemon {

/// The command line of `tunneld client add | remove | list`.
class ClientCommandLine {
 public:
  /// Must outlive the parsing of `app`.
  explicit ClientCommandLine(CLI::App& app);
  ClientCommandLine(const ClientCommandLine&) = delete;
  ClientCommandLine& operator=(const ClientCommandLine&) = delete;
  ~ClientCommandLine() = default;
  [[nodiscard]] bool is_asked_for() const { return command_->parsed(); }
  [[nodiscard]] ExitCode run() const;

 private:
  ClientAddOptions add_;
  ClientOptions other_;
  CLI::App* command_;
  CLI::App* add_command_;
  CLI::App* remove_command_;
};

}  // namespace tunneld::daemon
