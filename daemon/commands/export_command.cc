#include "daemon/commands/export_command.h"

#include <iostream>
#include <system_error>

#include <unistd.h>

#include "config/load_keys.h"
#include "config/parse.h"
#include "daemon/commands/new_files.h"

namespace tunneld::daemon {

void print_left_out(const config::WgQuickText& file) {
  for (const std::string& line : file.left_out) std::cerr << "left out: " << line << "\n";
}

ExitCode export_wg_quick(const ExportOptions& options) {
  const config::ParseResult parsed = config::parse_file(options.config);
  std::cerr << to_string(parsed.diagnostics);
  if (!parsed.config) return ExitCode::kBadUsage;
  const config::KeysResult keys = config::load_keys(*parsed.config, config::NotPermitted::kIsError);
  std::cerr << to_string(keys.diagnostics);
  if (!keys.keys) return ExitCode::kBadUsage;
  const config::WgQuickText text = write_wg_quick(*parsed.config, *keys.keys, parsed.config->interface.dns,
                                                  config::WhosePrivateKey::kOurs);
  print_left_out(text);
  try {
    if (options.output.empty()) {
      write_whole(STDOUT_FILENO, text.text, "standard output");
    } else {
      NewFiles files;
      files.write(options.output, text.text);
      files.keep();
    }
  } catch (const std::system_error& error) {
    std::cerr << "tunneld: " << error.what() << "\n";
    return ExitCode::kRuntimeFailure;
  }
  return ExitCode::kFine;
}

}  // namespace tunneld::daemon
