#include "daemon/commands/check_command.h"

#include <iostream>
#include <optional>

#include "config/load_keys.h"
#include "config/parse.h"
#include "config/schema.h"
#include "config/show.h"
#include "daemon/commands/example_addresses.h"
#include "daemon/commands/taken.h"
#include "daemon/host/bridge_guard.h"
#include "daemon/host/connected_networks.h"
#include "daemon/host/host_plan.h"

namespace tunneld::daemon {

namespace {

/// According to the present routes; the start may change them.
void warn_of_loops(const config::Config& config) {
  if (!config.interface.bridge) return;
  try {
    const config::BridgeConfig& bridge = *config.interface.bridge;
    BridgeGuard guard(config.interface.name.value, bridge.name.value, bridge.member_names());
    guard.set_mark(fwmark_of(config));
    for (const config::PeerConfig& peer : config.peers) {
      for (const auto& endpoint : peer.endpoints) {
        const auto address = endpoint.value.address();
        if (!address) continue;
        const auto why = guard.refuses({.remote = {.address = *address, .port = endpoint.value.port},
                                        .local = std::nullopt,
                                        .local_interface = 0});
        if (!why) continue;
        std::cerr << to_string(endpoint.at) << ": warning: " << endpoint.value.to_string() << ": " << *why
                  << ": nothing will be sent to it\n";
      }
    }
  } catch (const net::NetlinkError& error) {
    std::cerr << "warning: the routes to the peers could not be looked up: " << error.what() << "\n";
  }
}

/// The networks as they are now.
void find_connected_networks(HostPlan& plan) {
  try {
    net::Netlink netlink;
    plan.connected_networks = connected_networks(netlink, plan.place());
  } catch (const net::NetlinkError& error) {
    std::cerr << "warning: the networks of other interfaces could not be looked up: " << error.what() << "\n";
  }
}

}  // namespace

ExitCode check_config(const CheckOptions& options) {
  if (options.schema) {
    std::cout << config::json_schema().dump(2) << "\n";
    return ExitCode::kFine;
  }
  const config::ParseResult parsed = config::parse_file(options.config);
  std::cerr << to_string(parsed.diagnostics);
  if (!parsed.config) return ExitCode::kBadUsage;
  const config::KeysResult keys = config::load_keys(*parsed.config, config::NotPermitted::kIsWarning);
  std::cerr << to_string(keys.diagnostics);
  for (const config::Diagnostic& diagnostic : keys.diagnostics) {
    if (diagnostic.severity == config::Severity::kError) return ExitCode::kBadUsage;
  }
  std::cerr << to_string(example_addresses(*parsed.config).take());
  if (options.show) std::cout << config::show(*parsed.config);
  if (options.plan) {
    warn_of_loops(*parsed.config);
    const auto public_key = keys.keys ? std::optional(keys.keys->private_key.public_key()) : std::nullopt;
    HostPlan plan = host_plan(*parsed.config, {}, public_key);
    if (plan.is_full_tunnel()) find_connected_networks(plan);
    const Taken taken = taken_by_others(*parsed.config, options.config);
    std::cerr << to_string(collisions(*parsed.config, plan, taken).take());
    for (const HostChange& change : changes_of(plan)) {
      std::cout << in_words(change) << "\n";
      if (const auto* table = std::get_if<NftTable>(&change)) std::cout << table->rules;
      if (const auto* filter = std::get_if<TapFilter>(&change)) std::cout << filter->nft_text();
    }
  }
  if (!options.show && !options.plan) std::cout << options.config << ": ok\n";
  return ExitCode::kFine;
}

}  // namespace tunneld::daemon
