#include "daemon/check_command.h"

#include <iostream>
#include <optional>

#include "config/load_keys.h"
#include "config/parse.h"
#include "config/show.h"
#include "daemon/host_plan.h"

namespace tunneld::daemon {

ExitCode check_config(const CheckOptions& options) {
  const config::ParseResult parsed = config::parse_file(options.config);
  std::cerr << to_string(parsed.diagnostics);
  if (!parsed.config) return ExitCode::kBadUsage;
  const config::KeysResult keys = config::load_keys(*parsed.config, config::NotPermitted::kIsWarning);
  std::cerr << to_string(keys.diagnostics);
  for (const config::Diagnostic& diagnostic : keys.diagnostics) {
    if (diagnostic.severity == config::Severity::kError) return ExitCode::kBadUsage;
  }
  if (options.show) std::cout << config::show(*parsed.config);
  if (options.plan) {
    const auto public_key = keys.keys ? std::optional(keys.keys->private_key.public_key()) : std::nullopt;
    for (const HostChange& change : changes_of(host_plan(*parsed.config, {}, public_key))) {
      std::cout << in_words(change) << "\n";
      if (const auto* table = std::get_if<NftTable>(&change)) std::cout << table->rules;
    }
  }
  if (!options.show && !options.plan) std::cout << options.config << ": ok\n";
  return ExitCode::kFine;
}

}  // namespace tunneld::daemon
