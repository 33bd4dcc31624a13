#pragma once

#include <CLI/CLI.hpp>

#include "daemon/commands/client_commands.h"
#include "daemon/commands/export_command.h"
#include "daemon/commands/import_command.h"
#include "daemon/commands/init_command.h"

namespace tunneld::daemon {

/// The command line of the commands that write configurations: `tunneld init`, `import` and `export`.
class FileCommandLine {
 public:
  /// Must outlive the parsing of `app`.
  explicit FileCommandLine(CLI::App& app);
  FileCommandLine(const FileCommandLine&) = delete;
  FileCommandLine& operator=(const FileCommandLine&) = delete;
  ~FileCommandLine() = default;
  [[nodiscard]] bool is_asked_for() const {
    return init_->parsed() || import_command_->parsed() || export_command_->parsed();
  }
  [[nodiscard]] ExitCode run() const;

 private:
  void add_init();
  void add_export();

  std::string directory_;
  InitServerOptions server_;
  ImportOptions import_;
  ExportOptions export_;
  std::string client_;
  std::string endpoint_;
  CLI::App* init_;
  CLI::App* import_command_;
  CLI::App* export_command_;
  CLI::App* init_site_ = nullptr;
  CLI::App* init_server_ = nullptr;
};

}  // namespace tunneld::daemon
